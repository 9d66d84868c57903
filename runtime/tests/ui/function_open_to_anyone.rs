use std::convert::Infallible;

#[pikku::function]
pub async fn orders() -> Result<Vec<String>, Infallible> {
    Ok(Vec::new())
}

#[derive(pikku::Group)]
pub struct Orders;

pub fn app<S: pikku::Selection>() -> pikku::App<S> {
    pikku::App::new().group::<Orders>(|g| g.http::<orders>(pikku::http::get("/orders")))
}

fn main() {}
