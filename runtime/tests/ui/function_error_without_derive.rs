#[derive(Debug)]
pub enum OrderError {
    OutOfStock,
}

#[pikku::function(public)]
pub async fn place_order() -> Result<(), OrderError> {
    Err(OrderError::OutOfStock)
}

fn main() {}
