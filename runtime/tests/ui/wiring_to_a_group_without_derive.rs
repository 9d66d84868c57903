use pikku::{App, Selection};

pub struct Orders;

pub fn app<S: Selection>() -> App<S> {
    App::new().group::<Orders>(|g| g)
}

fn main() {}
