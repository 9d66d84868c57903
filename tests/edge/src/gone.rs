//! What a call holds that its client does not wait for.

use futures_core::Stream;
use pikku::{
    Body, BoxError, BoxFuture, Bytes, Call, Problem, Response,
    http::StatusCode,
    platform::{Level, LogLine},
    service::Env,
};
use pikku_middleware::concurrency_limit;
use schemars::JsonSchema;
use serde::Deserialize;
use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

/// One call at a time.
#[derive(Debug)]
pub struct One;

impl concurrency_limit::Policy for One {
    const NAME: &'static str = "one";
    const MOST: u32 = 1;
}

/// Notes down when it is given back.
#[derive(Debug)]
pub struct Held(Env, &'static str);

#[pikku::service(per_call)]
fn held(env: &Env) -> Held {
    Held(env.clone(), "what the call held is given back")
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.platform().log(&LogLine::new(Level::Info, self.1));
    }
}

/// How long to hold it.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Hold {
    ms: u64,
}

/// Holds something for a while, and has something done after.
#[pikku::function(public)]
pub async fn hold(call: &Call, held: &Held, input: Hold) -> Result<u64, Problem> {
    let later = held.0.clone();
    call.after_answer(pikku::edge(async move {
        later.platform().sleep(Duration::from_millis(20)).await;
        later.platform().log(&LogLine::new(Level::Info, "this is done all the same"));
    }));
    held.0.platform().sleep(Duration::from_millis(input.ms)).await;
    Ok(input.ms)
}

/// A chunk, and nothing for ten minutes.
struct Endless {
    held: Held,
    next: Option<BoxFuture<'static, ()>>,
}

impl Stream for Endless {
    type Item = Result<Bytes, BoxError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(next) = &mut self.next {
            ready!(next.as_mut().poll(context));
        }
        self.next = Some(self.held.0.platform().sleep(Duration::from_secs(600)));
        Poll::Ready(Some(Ok(Bytes::from_static(b"one\n"))))
    }
}

/// Streams without an end.
#[pikku::function(public)]
pub async fn hold_endlessly(held: &Held) -> Result<Response, Problem> {
    let held = Held(held.0.clone(), "what the stream held is given back");
    Ok(Response::new(StatusCode::OK).with_body("text/plain", Body::stream(Endless { held, next: None })))
}
