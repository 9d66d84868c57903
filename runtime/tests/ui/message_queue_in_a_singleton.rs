use pikku::service::Queue;

#[derive(serde::Serialize, schemars::JsonSchema, pikku::Message)]
#[pikku(queue = "orders-placed")]
pub struct OrderPlaced {
    id: u64,
}

pub struct Orders;

#[pikku::service]
fn orders(_placed: &Queue<OrderPlaced>) -> Orders {
    Orders
}

fn main() {}
