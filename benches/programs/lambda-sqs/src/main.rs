//! The greeting over API Gateway 2.0 that is told to a queue, written by hand on lambda_runtime and AWS's SDK: the client is
//! made before the first event, as AWS advises.

use aws_sdk_sqs::Client;
use lambda_runtime::{Error, LambdaEvent, Runtime, service_fn};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    raw_path: String,
    body: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    status_code: u16,
    body: String,
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

#[derive(Serialize)]
struct Told {
    id: u64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let client = Client::new(&aws_config::load_defaults(aws_config::BehaviorVersion::latest()).await);
    let queue = std::env::var("QUEUE_URL").unwrap_or_default();
    Runtime::new(service_fn(|event| serve(&client, &queue, event))).run().await
}

async fn serve(client: &Client, queue: &str, event: LambdaEvent<Event>) -> Result<Answer, Error> {
    let event = event.payload;
    let Some(id) = event.raw_path.strip_prefix("/greet/").and_then(|id| id.parse().ok()) else {
        return Ok(Answer { status_code: 404, body: "{}".to_owned() });
    };
    let greet: Greet = serde_json::from_str(event.body.as_deref().unwrap_or_default())?;
    let text = match greet.age {
        Some(age) => format!("hello, {} ({age})", greet.name),
        None => format!("hello, {}", greet.name),
    };
    client.send_message().queue_url(queue).message_body(serde_json::to_string(&Told { id })?).send().await?;
    Ok(Answer { status_code: 200, body: serde_json::to_string(&Greeting { id, text, likes: greet.tags.len() })? })
}
