use std::convert::Infallible;

#[pikku::function]
pub async fn store(item: impl Send) -> Result<(), Infallible> {
    let _ = item;
    Ok(())
}

fn main() {}
