use pikku::{App, Selection, http::get};

#[derive(pikku::Group)]
pub struct Orders;

pub struct ListOrders;

pub fn app<S: Selection>() -> App<S> {
    App::new().group::<Orders>(|g| g.http::<ListOrders>(get("/orders")))
}

fn main() {}
