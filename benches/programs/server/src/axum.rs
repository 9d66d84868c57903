//! The greeting as an axum user writes it by hand: `axum::serve` with typed JSON in and out. Nothing is validated, no
//! request has a limit, an id or a trace.

mod work;

use axum::{Json, Router, extract::Path, routing::post};
use std::io;
use work::{Greet, Greeting};

async fn greet(Path(id): Path<u64>, Json(greet): Json<Greet>) -> Json<Greeting> {
    Json(greet.greeting(id))
}

#[tokio::main]
async fn main() -> io::Result<()> {
    work::serve(Router::new().route("/greet/{id}", post(greet))).await
}
