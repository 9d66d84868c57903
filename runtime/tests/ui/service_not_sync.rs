use std::cell::Cell;

pub struct Db(Cell<u32>);

#[pikku::service]
fn db() -> Db {
    Db(Cell::new(1))
}

fn main() {}
