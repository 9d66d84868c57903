#[derive(Debug, pikku::Error)]
pub enum OrderError {
    #[pikku(status = 200)]
    Fine,
}

fn main() {}
