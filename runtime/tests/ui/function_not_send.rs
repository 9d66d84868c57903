use std::{convert::Infallible, rc::Rc};

async fn elsewhere() {}

#[pikku::function(public)]
pub async fn count() -> Result<u32, Infallible> {
    let shared = Rc::new(1);
    elsewhere().await;
    Ok(*shared)
}

fn main() {}
