use pikku::Session;
use std::convert::Infallible;

#[pikku::function(public)]
pub async fn greet(user: Session) -> Result<(), Infallible> {
    let _ = user;
    Ok(())
}

fn main() {}
