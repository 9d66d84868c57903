//! The smallest function that lambda_http makes: a fixed object for every request.

use lambda_http::{Body, Error, Request, Response, lambda_runtime::Runtime, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    Runtime::new(lambda_http::Adapter::from(service_fn(hello))).run().await
}

async fn hello(request: Request) -> Result<Response<Body>, Error> {
    let named = request.headers().contains_key("x-name");
    let answer = Response::builder().header("content-type", "application/json");
    Ok(answer.body(format!(r#"{{"text":"hello","named":{named}}}"#).into())?)
}
