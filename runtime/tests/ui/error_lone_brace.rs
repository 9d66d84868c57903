#[derive(Debug, pikku::Error)]
pub enum OrderError {
    #[pikku(status = 409, detail = "only {left")]
    OutOfStock { left: u32 },
}

fn main() {}
