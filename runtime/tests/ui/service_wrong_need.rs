pub struct Db;

#[pikku::service(needs = ["orders"])]
fn db() -> Db {
    Db
}

fn main() {}
