use std::rc::Rc;

pub struct Db;

async fn elsewhere() {}

#[pikku::service]
async fn db() -> Db {
    let shared = Rc::new(1);
    elsewhere().await;
    let _ = shared;
    Db
}

fn main() {}
