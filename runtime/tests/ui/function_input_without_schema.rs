use std::convert::Infallible;

#[derive(serde::Deserialize)]
pub struct NewOrder {}

#[pikku::function(public)]
pub async fn place_order(order: NewOrder) -> Result<(), Infallible> {
    let _ = order;
    Ok(())
}

fn main() {}
