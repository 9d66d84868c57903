//! The greeting over API Gateway 2.0, written by hand on lambda_runtime: only the members that it needs are read, one
//! route is compared, nothing is validated.

use lambda_runtime::{Error, LambdaEvent, Runtime, service_fn};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    raw_path: String,
    request_context: RequestContext,
    body: Option<String>,
}

#[derive(Deserialize)]
struct RequestContext {
    http: Http,
}

#[derive(Deserialize)]
struct Http {
    method: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    status_code: u16,
    headers: Headers,
    body: String,
}

#[derive(Serialize)]
struct Headers {
    #[serde(rename = "content-type")]
    content_type: &'static str,
}

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
    Runtime::new(service_fn(serve)).run().await
}

async fn serve(event: LambdaEvent<Event>) -> Result<Answer, Error> {
    let event = event.payload;
    let id = event.raw_path.strip_prefix("/greet/").and_then(|id| id.parse().ok());
    let (Some(id), "POST") = (id, event.request_context.http.method.as_str()) else {
        return Ok(answer(404, "{}".to_owned()));
    };
    let Ok(greet) = serde_json::from_str::<Greet>(event.body.as_deref().unwrap_or_default()) else {
        return Ok(answer(400, "{}".to_owned()));
    };
    let text = match greet.age {
        Some(age) => format!("hello, {} ({age})", greet.name),
        None => format!("hello, {}", greet.name),
    };
    Ok(answer(200, serde_json::to_string(&Greeting { id, text, likes: greet.tags.len() })?))
}

fn answer(status_code: u16, body: String) -> Answer {
    Answer { status_code, headers: Headers { content_type: "application/json" }, body }
}
