pub struct Keys;

#[pikku::service]
fn keys() -> Keys {
    Keys
}

#[derive(serde::Serialize, schemars::JsonSchema, pikku::Message)]
#[pikku(queue = "orders-placed", signed_by = Keys)]
pub struct OrderPlaced {
    id: u64,
}

fn main() {}
