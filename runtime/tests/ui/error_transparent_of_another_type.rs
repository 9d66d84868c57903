#[derive(Debug, pikku::Error)]
pub enum PayError {
    #[pikku(transparent)]
    Io(std::io::Error),
}

fn main() {}
