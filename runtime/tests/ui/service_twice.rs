pub struct Db;

#[pikku::service]
fn db() -> Db {
    Db
}

#[pikku::service]
fn another_db() -> Db {
    Db
}

fn main() {}
