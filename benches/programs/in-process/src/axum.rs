//! The work as axum's users do it: `Router::oneshot` with typed JSON in and out.

mod work;

use axum::{
    Json, Router,
    body::Body,
    extract::Path,
    routing::{get, post},
};
use http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use serde::{Deserialize, Serialize};
use std::process::ExitCode;
use tower::ServiceExt;
use work::Work;

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

#[derive(Serialize)]
struct Item {
    id: u64,
}

async fn greet(Path(id): Path<u64>, Json(greet): Json<Greet>) -> Json<Greeting> {
    let text = match greet.age {
        Some(age) => format!("hello, {} ({age})", greet.name),
        None => format!("hello, {}", greet.name),
    };
    Json(Greeting { id, text, likes: greet.tags.len() })
}

async fn item(Path(id): Path<u64>) -> Json<Item> {
    Json(Item { id })
}

fn main() -> ExitCode {
    let Some((work, count)) = work::asked() else { return work::usage() };
    let wrong = match work {
        Work::Greet { .. } | Work::Apart => {
            let router: Router = Router::new().route("/greet/{id}", post(greet));
            (0..count).filter(|_| !answers(&router, Method::POST, "/greet/7", work::BODY)).count()
        }
        Work::Route { routes } => {
            let router: Router = (0..routes).fold(Router::new(), |r, route| r.route(work::declared(route), get(item)));
            let paths = work::requested(routes);
            (0..count).filter(|n| !answers(&router, Method::GET, &paths[n % paths.len()], b"")).count()
        }
    };
    work::ended(wrong)
}

fn answers(router: &Router, method: Method, path: &str, body: &'static [u8]) -> bool {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::ACCEPT, "*/*")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::HOST, "localhost")
        .body(Body::from(body));
    let Ok(request) = request else { return false };
    work::ready(async {
        let Ok(response) = router.clone().oneshot(request).await;
        let status = response.status();
        let body = response.into_body().collect().await;
        status == StatusCode::OK && body.is_ok_and(|body| !body.to_bytes().is_empty())
    })
}
