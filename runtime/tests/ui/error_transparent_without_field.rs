#[derive(Debug, pikku::Error)]
pub enum PayError {
    #[pikku(transparent, status = 402)]
    Declined,
}

fn main() {}
