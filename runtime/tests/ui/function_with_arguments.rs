use std::convert::Infallible;

#[pikku::function(path = "/ping")]
pub async fn ping() -> Result<(), Infallible> {
    Ok(())
}

fn main() {}
