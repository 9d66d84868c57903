//! A bundle that was made without some layer, because none of its calls meets it: it starts, pays nothing for that, and does not
//! start where a call does meet it.

use pikku::{
    All, App, BoxError, BoxFuture, Contract, ContractMissing, Engine, Function, Group, Next, Outcome, Platform,
    Problem, Queue, Selection,
    call::Context,
    http::{HttpRequest, Method, get},
    platform::{LogLine, OutgoingMessage},
};
use std::{
    convert::Infallible,
    future::{pending, ready},
    sync::Arc,
    time::Duration,
};

#[pikku::function(public)]
async fn open() -> Result<(), Infallible> {
    Ok(())
}

#[pikku::function(public, tags = ["staff"])]
async fn tagged() -> Result<(), Infallible> {
    Ok(())
}

#[pikku::permission]
async fn nobody() -> bool {
    false
}

#[pikku::middleware]
async fn closed(_next: Next<'_>) -> Outcome {
    Err(Problem::internal("closed"))
}

#[derive(Group)]
struct Bare;

/// What the packager writes for a group around whose calls nothing stands.
struct Bundle;

impl Selection for Bundle {
    const GROUPS: Option<&'static [&'static str]> = Some(&["bare"]);
    const LAYERS: Option<&'static [&'static str]> = Some(&[]);

    fn contract<F: Function>() -> Result<Contract, ContractMissing> {
        All::contract::<F>()
    }
}

#[derive(Debug)]
struct Plain;

impl Platform for Plain {
    fn now_ms(&self) -> u64 {
        0
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(pending())
    }

    fn env(&self, _: &str) -> Option<String> {
        None
    }

    fn send<'a>(&'a self, _: OutgoingMessage<'a>) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(ready(Err("there are no queues".into())))
    }

    fn log(&self, _: &LogLine<'_>) {}
}

/// The status of the answer to a request, of an app that starts.
async fn status(app: App<Bundle>, path: &str) -> Result<u16, String> {
    let engine = Engine::start(app, Arc::new(Plain)).await.map_err(|error| error.to_string())?;
    Ok(engine.http(HttpRequest::new(Method::GET, path), Context::default()).await.status.as_u16())
}

#[tokio::test]
async fn what_stands_around_others_is_left_out() {
    let app = App::new()
        .tag("staff", |l| l.permission::<nobody>())
        .routes("/admin/{*rest}", |l| l.middleware::<closed>().permission::<nobody>())
        .group::<Bare>(|g| g.http::<open>(get("/open")));
    assert_eq!(status(app, "/open").await, Ok(204));
}

#[tokio::test]
async fn what_stands_around_a_call_is_not() {
    let told = |name: &str| {
        Err(format!(
            "a permission or a middleware stands around `{name}`, and it is not in this bundle: the app is wired \
             otherwise here than where it was packaged"
        ))
    };
    let of_the_tag = App::new()
        .tag("staff", |l| l.permission::<nobody>())
        .group::<Bare>(|g| g.http::<open>(get("/open")).http::<tagged>(get("/tagged")));
    assert_eq!(status(of_the_tag, "/tagged").await, told("tagged"));
    let of_the_route =
        App::new().routes("/{page}", |l| l.middleware::<closed>()).group::<Bare>(|g| g.http::<open>(get("/open")));
    assert_eq!(status(of_the_route, "/open").await, told("open"));
    let of_the_group = App::new().group::<Bare>(|g| g.permission::<nobody>().http::<open>(get("/open")));
    assert_eq!(status(of_the_group, "/open").await, told("open"));
    let of_the_app = App::new().middleware::<closed>().group::<Bare>(|g| g.queue::<open>("jobs", Queue::batch(1)));
    assert_eq!(status(of_the_app, "/open").await, told("open"));
}
