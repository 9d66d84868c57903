#[derive(pikku::Group)]
#[pikku(name = "My_Orders")]
pub struct Orders;

fn main() {}
