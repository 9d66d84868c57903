#[pikku::function]
pub async fn ping() {}

fn main() {}
