pub struct Config;
pub struct Db;

#[pikku::service]
fn db(config: &Config) -> Db {
    let _ = config;
    Db
}

fn main() {}
