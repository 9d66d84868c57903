use pikku::Session;
use std::convert::Infallible;

#[derive(serde::Deserialize)]
pub struct User;

#[pikku::function(public)]
pub async fn mine(user: Session<User>) -> Result<(), Infallible> {
    drop(user);
    Ok(())
}

#[pikku::function(public, scopes = ["orders:read"])]
pub async fn orders() -> Result<(), Infallible> {
    Ok(())
}

fn main() {}
