use pikku::Call;
use std::convert::Infallible;

#[pikku::function]
pub async fn greet(call: Call) -> Result<(), Infallible> {
    let _ = call;
    Ok(())
}

fn main() {}
