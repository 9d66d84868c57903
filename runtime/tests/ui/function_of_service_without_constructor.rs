use std::convert::Infallible;

pub struct Db;

#[pikku::function(public)]
pub async fn place_order(db: &Db) -> Result<(), Infallible> {
    let _ = db;
    Ok(())
}

fn main() {}
