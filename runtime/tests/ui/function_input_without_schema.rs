use std::convert::Infallible;

#[derive(serde::Deserialize)]
pub struct NewOrder {}

#[pikku::function]
pub async fn place_order(order: NewOrder) -> Result<(), Infallible> {
    let _ = order;
    Ok(())
}

fn main() {}
