#[pikku::service]
pub struct Db;

fn main() {}
