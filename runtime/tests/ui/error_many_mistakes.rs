#[derive(Debug, pikku::Error)]
#[pikku(status = 400)]
pub enum OrderError {
    #[pikku(status = 302, code = "OutOfStock", retry = "no")]
    OutOfStock,
    Gone,
    #[pikku(stat = 404, detail = "{} is missing")]
    Missing(u64),
}

#[pikku::function(public)]
pub async fn place_order() -> Result<(), OrderError> {
    Err(OrderError::Gone)
}

fn main() {}
