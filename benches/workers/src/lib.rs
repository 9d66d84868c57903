//! The least that the `worker` crate can answer, and the same typed JSON work as ours.

use worker::{Context, Env, Request, Response, Result, event};

#[cfg(not(feature = "typed"))]
#[event(fetch)]
async fn fetch(_request: Request, _env: Env, _context: Context) -> Result<Response> {
    Response::ok("hello")
}

#[cfg(feature = "typed")]
#[derive(serde::Deserialize)]
struct Greet {
    name: String,
    age: Option<u32>,
    tags: Vec<String>,
}

#[cfg(feature = "typed")]
#[derive(serde::Serialize)]
struct Greeting {
    id: u64,
    text: String,
    likes: usize,
}

#[cfg(feature = "typed")]
#[event(fetch)]
async fn fetch(mut request: Request, _env: Env, _context: Context) -> Result<Response> {
    let id = request.path().strip_prefix("/greet/").and_then(|id| id.parse().ok());
    let Some(id) = id else { return Response::error("not found", 404) };
    let Greet { name, age, tags } = request.json().await?;
    let text = match age {
        Some(age) => format!("hello, {name} ({age})"),
        None => format!("hello, {name}"),
    };
    Response::from_json(&Greeting { id, text, likes: tags.len() })
}
