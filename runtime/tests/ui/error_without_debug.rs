#[derive(pikku::Error)]
pub enum OrderError {
    #[pikku(status = 409)]
    OutOfStock,
}

fn main() {}
