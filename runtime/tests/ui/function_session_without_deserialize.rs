use pikku::Session;
use std::convert::Infallible;

pub struct User {}

#[pikku::function]
pub async fn greet(user: Session<User>) -> Result<(), Infallible> {
    let _ = user;
    Ok(())
}

fn main() {}
