#[derive(Debug, pikku::Error)]
pub enum OrderError {
    #[pikku(status = 409)]
    OutOfStock(#[pikku(detail = "only {0} left")] u32),
}

fn main() {}
