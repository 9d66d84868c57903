#[automatically_derived]
impl ::pikku::Message for OrderPlaced {
    const QUEUE: &'static str = "orders-placed";
    const SERVICE: &'static str = "Queue<OrderPlaced>";
    type Signer = ::pikku::service::Unsigned;
}
#[automatically_derived]
impl ::pikku::Message for r#Entry {
    const QUEUE: &'static str = "ledger.fifo";
    const SERVICE: &'static str = "Queue<Entry>";
    type Signer = keys::AppCallers;
}
