use std::convert::Infallible;

#[derive(schemars::JsonSchema)]
pub struct Order {}

#[pikku::function(public)]
pub async fn place_order() -> Result<Order, Infallible> {
    Ok(Order {})
}

fn main() {}
