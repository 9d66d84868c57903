use pikku::Session;
use std::convert::Infallible;

#[derive(serde::Deserialize)]
pub struct User {}

#[pikku::function]
pub async fn greet(user: Session<User>, admin: Option<Session<User>>) -> Result<(), Infallible> {
    let _ = (user, admin);
    Ok(())
}

fn main() {}
