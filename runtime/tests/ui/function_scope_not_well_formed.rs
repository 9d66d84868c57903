use std::convert::Infallible;

#[pikku::function(scopes = ["orders read"])]
pub async fn orders() -> Result<(), Infallible> {
    Ok(())
}

fn main() {}
