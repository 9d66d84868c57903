#[derive(serde::Serialize, schemars::JsonSchema, pikku::Message)]
#[pikku(queue = "orders/placed")]
pub struct OrderPlaced {
    id: u64,
}

fn main() {}
