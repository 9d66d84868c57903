#[derive(pikku::Message)]
#[pikku(queue = 7, topic = "orders")]
pub struct Placed<T> {
    id: T,
}

#[derive(pikku::Message)]
#[pikku(queue = "orders placed", signed_by = "keys")]
pub union Either {
    one: u8,
    other: i8,
}

fn main() {}
