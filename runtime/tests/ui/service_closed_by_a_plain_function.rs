pub struct Db;

fn close_db(_: &Db) {}

#[pikku::service(close = close_db)]
fn db() -> Db {
    Db
}

fn main() {}
