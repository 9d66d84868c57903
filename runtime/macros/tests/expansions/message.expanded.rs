#[automatically_derived]
impl ::pikku::Message for OrderPlaced {
    const QUEUE: &'static str = "orders-placed";
    const SERVICE: &'static str = "Queue<OrderPlaced>";
}
#[automatically_derived]
impl ::pikku::Message for r#Entry {
    const QUEUE: &'static str = "ledger.fifo";
    const SERVICE: &'static str = "Queue<Entry>";
}
