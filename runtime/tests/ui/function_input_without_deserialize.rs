use std::convert::Infallible;

#[derive(schemars::JsonSchema)]
pub struct NewOrder {}

#[pikku::function(public)]
pub async fn place_order(order: NewOrder) -> Result<(), Infallible> {
    let _ = order;
    Ok(())
}

fn main() {}
