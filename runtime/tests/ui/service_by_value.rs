pub struct Db;

#[pikku::service]
fn db(url: String) -> Db {
    let _ = url;
    Db
}

fn main() {}
