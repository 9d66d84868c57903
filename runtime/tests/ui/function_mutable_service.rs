use std::convert::Infallible;

pub struct Db;

#[pikku::service]
fn db() -> Db {
    Db
}

#[pikku::function(public)]
pub async fn place_order(db: &mut Db) -> Result<(), Infallible> {
    let _ = db;
    Ok(())
}

fn main() {}
