use std::convert::Infallible;

pub struct Orders;

impl Orders {
    #[pikku::function]
    pub async fn place(&self) -> Result<(), Infallible> {
        Ok(())
    }
}

fn main() {}
