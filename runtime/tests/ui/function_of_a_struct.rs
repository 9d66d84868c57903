#[pikku::function]
pub struct Orders;

fn main() {}
