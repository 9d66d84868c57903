#[derive(Debug, pikku::Error)]
pub enum OrderError {
    #[pikku(code = "gone")]
    Gone,
}

fn main() {}
