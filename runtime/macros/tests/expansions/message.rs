#[derive(serde::Serialize, schemars::JsonSchema, pikku::Message)]
#[pikku(queue = "orders-placed")]
pub struct OrderPlaced {
    id: u64,
}

#[derive(serde::Serialize, schemars::JsonSchema, pikku::Message)]
#[pikku(queue = "ledger.fifo", signed_by = keys::AppCallers)]
pub enum r#Entry {
    Booked { amount: i64 },
    Cancelled,
}
