//! The greeting over API Gateway 2.0, with axum on lambda_http. Nothing is validated.

use axum::{Json, Router, extract::Path, routing::post};
use lambda_http::{Error, lambda_runtime::Runtime};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Greet {
    name: String,
    age: Option<u32>,
    tags: Vec<String>,
}

#[derive(Serialize)]
struct Greeting {
    id: u64,
    text: String,
    likes: usize,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let router: Router = Router::new().route("/greet/{id}", post(greet));
    Runtime::new(lambda_http::Adapter::from(router)).run().await
}

async fn greet(Path(id): Path<u64>, Json(greet): Json<Greet>) -> Json<Greeting> {
    let text = match greet.age {
        Some(age) => format!("hello, {} ({age})", greet.name),
        None => format!("hello, {}", greet.name),
    };
    Json(Greeting { id, text, likes: greet.tags.len() })
}
