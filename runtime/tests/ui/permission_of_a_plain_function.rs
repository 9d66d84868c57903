use std::convert::Infallible;

pub async fn owner() -> bool {
    true
}

#[pikku::function(permission = owner)]
pub async fn order() -> Result<(), Infallible> {
    Ok(())
}

fn main() {}
