#[derive(Debug, pikku::Error)]
pub enum OrderError {
    #[pikku(status = 409)]
    OutOfStock,
    #[pikku(status = 410, code = "out_of_stock")]
    Discontinued,
}

fn main() {}
