pub struct Db;

#[pikku::service(per_request, needs = "orders", needs = [])]
fn db() -> Db {
    Db
}

fn main() {}
