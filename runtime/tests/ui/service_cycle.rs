pub struct Db;
pub struct Cache;

#[pikku::service]
fn db(cache: &Cache) -> Db {
    let _ = cache;
    Db
}

#[pikku::service]
fn cache(db: &Db) -> Cache {
    let _ = db;
    Cache
}

fn main() {}
