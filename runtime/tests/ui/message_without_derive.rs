use pikku::{Problem, service::Queue};

#[derive(serde::Serialize, schemars::JsonSchema)]
pub struct OrderPlaced {
    id: u64,
}

#[pikku::function(public)]
pub async fn place_order(_placed: &Queue<OrderPlaced>) -> Result<(), Problem> {
    Ok(())
}

fn main() {}
