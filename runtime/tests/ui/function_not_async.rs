use std::convert::Infallible;

#[pikku::function]
pub fn ping() -> Result<(), Infallible> {
    Ok(())
}

fn main() {}
