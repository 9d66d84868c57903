pub struct Db;

pub struct Failure;

#[pikku::service]
fn db() -> Result<Db, Failure> {
    Err(Failure)
}

fn main() {}
