use pikku::Call;
use std::convert::Infallible;

#[pikku::function(public)]
pub async fn greet(call: Call) -> Result<(), Infallible> {
    let _ = call;
    Ok(())
}

fn main() {}
