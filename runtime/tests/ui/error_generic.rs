#[derive(Debug, pikku::Error)]
pub enum OrderError<T> {
    #[pikku(status = 409)]
    OutOfStock(T),
}

fn main() {}
