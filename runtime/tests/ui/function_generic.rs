use std::convert::Infallible;

#[pikku::function]
pub async fn store<T: Send>(item: T) -> Result<(), Infallible> {
    let _ = item;
    Ok(())
}

fn main() {}
