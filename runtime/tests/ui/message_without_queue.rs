#[derive(serde::Serialize, schemars::JsonSchema, pikku::Message)]
pub struct OrderPlaced {
    id: u64,
}

fn main() {}
