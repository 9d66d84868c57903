use std::convert::Infallible;

#[derive(serde::Deserialize, schemars::JsonSchema)]
pub struct NewOrder {}

#[derive(serde::Deserialize, schemars::JsonSchema)]
pub struct Coupon {}

#[pikku::function(public)]
pub async fn place_order(order: NewOrder, coupon: Coupon) -> Result<(), Infallible> {
    let _ = (order, coupon);
    Ok(())
}

fn main() {}
