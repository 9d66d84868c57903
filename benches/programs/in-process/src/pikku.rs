//! The work through the dispatcher: `Engine::http`, with the contracts that the packager wrote, or without validation.

mod work;

mod contracts {
    include!(concat!(env!("OUT_DIR"), "/contracts.rs"));
}

use pikku::{
    App, BoxError, BoxFuture, Bytes, Contract, ContractMissing, Decode, Engine, Field, Function, Next, Outcome,
    Platform, Problem, Selection,
    call::Context,
    http::{HttpRequest, Method, get},
    platform::{LogLine, OutgoingMessage},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{
    future::{pending, ready},
    process::ExitCode,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use work::Work;

#[derive(Deserialize, JsonSchema)]
pub struct Key {
    id: u64,
}

#[derive(Serialize, JsonSchema)]
pub struct Item {
    id: u64,
}

#[pikku::function(public)]
pub async fn item(key: Key) -> Result<Item, Problem> {
    Ok(Item { id: key.id })
}

#[derive(pikku::Group)]
pub struct Items;

/// Everything, decoded and not validated.
struct Bare;

impl Selection for Bare {
    const GROUPS: Option<&'static [&'static str]> = None;

    fn contract<F: Function>() -> Result<Contract, ContractMissing> {
        const FIELDS: &[Field] = &[
            Field::new("age", Decode::Integer),
            Field::new("id", Decode::Integer),
            Field::new("name", Decode::Text),
            Field::new("tags", Decode::List(&Decode::Text)),
        ];
        Ok(Contract::new(FIELDS, None))
    }
}

/// The same, made without the policies around other functions.
struct Apart;

impl Selection for Apart {
    const GROUPS: Option<&'static [&'static str]> = None;
    const LAYERS: Option<&'static [&'static str]> = Some(&[]);

    fn contract<F: Function>() -> Result<Contract, ContractMissing> {
        Bare::contract::<F>()
    }
}

#[pikku::permission]
pub async fn nobody() -> bool {
    false
}

#[pikku::middleware]
pub async fn passes(next: Next<'_>) -> Outcome {
    next.run().await
}

/// Everything, with the packager's contract.
struct Validated;

impl Selection for Validated {
    const GROUPS: Option<&'static [&'static str]> = None;

    fn contract<F: Function>() -> Result<Contract, ContractMissing> {
        Ok(contracts::contract_greet::contract())
    }
}

#[derive(Debug)]
struct Plain;

impl Platform for Plain {
    fn now_ms(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(pending())
    }

    fn env(&self, _: &str) -> Option<String> {
        None
    }

    fn send<'a>(&'a self, _: OutgoingMessage<'a>) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(ready(Ok(())))
    }

    fn log(&self, _: &LogLine<'_>) {}
}

fn main() -> ExitCode {
    let Some((work, count)) = work::asked() else { return work::usage() };
    let wrong = match work {
        Work::Greet { validated } => {
            let engine =
                if validated { start(bench_hello::app::<Validated>()) } else { start(bench_hello::app::<Bare>()) };
            let Some(engine) = engine else { return ExitCode::FAILURE };
            (0..count).filter(|_| !answers(&engine, Method::POST, "/greet/7", work::BODY)).count()
        }
        Work::Apart => {
            let app = bench_hello::app::<Apart>().tag("staff", |l| l.permission::<nobody>().middleware::<passes>());
            let app = app.routes("/admin/{*rest}", |l| l.permission::<nobody>().middleware::<passes>());
            let Some(engine) = start(app) else { return ExitCode::FAILURE };
            (0..count).filter(|_| !answers(&engine, Method::POST, "/greet/7", work::BODY)).count()
        }
        Work::Route { routes } => {
            let wired = App::<Bare>::new().group::<Items>(|group| {
                (0..routes).fold(group, |group, route| group.http::<item>(get(work::declared(route))))
            });
            let Some(engine) = start(wired) else { return ExitCode::FAILURE };
            let paths = work::requested(routes);
            (0..count).filter(|n| !answers(&engine, Method::GET, &paths[n % paths.len()], b"")).count()
        }
    };
    work::ended(wrong)
}

fn start<S: Selection>(app: App<S>) -> Option<Engine> {
    match work::ready(Engine::start(app, Arc::new(Plain))) {
        Ok(engine) => Some(engine),
        Err(error) => {
            eprintln!("error: {error}");
            None
        }
    }
}

fn answers(engine: &Engine, method: Method, path: &str, body: &'static [u8]) -> bool {
    let mut request = HttpRequest::new(method, path);
    for (name, value) in [("accept", "*/*"), ("content-type", "application/json"), ("host", "localhost")] {
        if request.headers.append(name, value.as_bytes()).is_err() {
            return false;
        }
    }
    request.body = Bytes::from_static(body);
    let context = Context { id: "1".into(), ..Context::default() };
    let response = work::ready(engine.http(request, context));
    response.status.as_u16() == 200 && response.body.whole().is_some_and(|body| !body.is_empty())
}
