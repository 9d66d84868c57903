use pikku::{App, Selection, http::get};
use std::convert::Infallible;

#[derive(pikku::Group)]
pub struct Orders;

pub async fn list_orders() -> Result<(), Infallible> {
    Ok(())
}

pub fn app<S: Selection>() -> App<S> {
    App::new().group::<Orders>(|g| g.http::<list_orders>(get("/orders")))
}

fn main() {}
