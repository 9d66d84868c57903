#[derive(pikku::Group)]
#[pikku(memory = 512)]
pub struct Orders;

fn main() {}
