//! The greeting as an axum user writes it by hand: `axum::serve` with typed JSON in and out. Nothing is validated, no
//! request has a limit, an id or a trace.

use axum::{Json, Router, extract::Path, routing::post};
use serde::{Deserialize, Serialize};
use std::{env, io};
use tokio::net::TcpListener;

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

async fn greet(Path(id): Path<u64>, Json(greet): Json<Greet>) -> Json<Greeting> {
    let text = match greet.age {
        Some(age) => format!("hello, {} ({age})", greet.name),
        None => format!("hello, {}", greet.name),
    };
    Json(Greeting { id, text, likes: greet.tags.len() })
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let router: Router = Router::new().route("/greet/{id}", post(greet));
    let address = env::var("PIKKU_ADDRESS").unwrap_or_else(|_| "127.0.0.1:0".to_owned());
    let listener = TcpListener::bind(address).await?;
    eprintln!("{{\"message\":\"listening on http://{}\"}}", listener.local_addr()?);
    axum::serve(listener, router).await
}
