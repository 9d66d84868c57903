#[derive(Debug)]
pub struct Sku;

#[derive(Debug, pikku::Error)]
pub enum OrderError {
    #[pikku(status = 409, detail = "there is no {sku}")]
    OutOfStock { sku: Sku },
}

fn main() {}
