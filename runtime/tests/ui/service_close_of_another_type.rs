pub struct Db;

async fn close_db(_: &str) {}

#[pikku::service(close = close_db)]
fn db() -> Db {
    Db
}

fn main() {}
