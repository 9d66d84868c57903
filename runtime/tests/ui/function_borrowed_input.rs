use std::convert::Infallible;

#[pikku::function(public)]
pub async fn greet(name: &str) -> Result<(), Infallible> {
    let _ = name;
    Ok(())
}

fn main() {}
