use std::convert::Infallible;

#[derive(schemars::JsonSchema)]
pub struct NewOrder {}

#[pikku::function]
pub async fn place_order(order: NewOrder) -> Result<(), Infallible> {
    let _ = order;
    Ok(())
}

fn main() {}
