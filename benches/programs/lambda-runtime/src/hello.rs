//! The smallest function that lambda_runtime makes: any JSON in, a fixed object out.

use lambda_runtime::{Error, LambdaEvent, Runtime, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    Runtime::new(service_fn(hello)).run().await
}

async fn hello(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let named = event.payload.get("name").is_some();
    Ok(json!({ "text": "hello", "named": named }))
}
