//! Who did what, and what came of it.

use pikku::{
    App, AuthError, BoxError, BoxFuture, Call, Claims, Group, Problem, StatusCode,
    http::post,
    testing::{TestApp, TestRequest},
    wiring::{Cron, Queue},
};
use pikku_middleware::audit::{Audit, CallLog, Policy, Record, Sink};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{
    future::Future,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

/// A table of records, which takes so many before it fails.
#[derive(Clone, Debug)]
struct Table(Arc<(Mutex<Vec<Value>>, AtomicU32)>);

#[pikku::service]
fn table() -> Table {
    Table::of(u32::MAX)
}

impl Table {
    fn of(most: u32) -> Self {
        Self(Arc::new((Mutex::default(), AtomicU32::new(most))))
    }

    fn records(&self) -> Vec<Value> {
        std::mem::take(&mut *self.0.0.lock().unwrap())
    }
}

impl Sink for Table {
    fn write<'a>(&'a self, _: &'a Call, record: &'a Record<'a>) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(async move {
            let has_room = self.0.1.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
            has_room.map_err(|_| "the table is away")?;
            self.0.0.lock().unwrap().push(serde_json::to_value(record)?);
            Ok(())
        })
    }
}

macro_rules! policies {
    ($($name:ident $text:literal $sink:ty, $required:literal;)*) => {$(
        #[derive(Debug)]
        struct $name;

        impl Policy for $name {
            const NAME: &'static str = $text;
            const FIELDS: &'static [&'static str] = &["/account", "/change"];
            const REQUIRED: bool = $required;
            type Sink = $sink;
        }
    )*};
}

policies! {
    Told "told" Table, false;
    Required "required" Table, true;
    Logged "logged" CallLog, false;
}

#[derive(Deserialize, Serialize, JsonSchema)]
struct Change {
    account: String,
    password: String,
}

#[pikku::function(session, scopes = ["accounts:write"])]
async fn change(change: Change) -> Result<(), Problem> {
    match change.account.as_str() {
        "locked" => Err(Problem::new(StatusCode::CONFLICT, "locked", "it is locked")),
        "bursts" => panic!("it bursts over {}", change.password),
        "hangs" => std::future::pending().await,
        _ => Ok(()),
    }
}

#[pikku::function(public)]
async fn sweep() -> Result<(), Problem> {
    Ok(())
}

#[pikku::authenticator(challenge = "Test")]
async fn named(call: &Call) -> Result<Option<Claims>, AuthError> {
    let Some(user) = call.headers().and_then(|headers| headers.get("x-user")) else { return Ok(None) };
    let scopes = pikku::Scopes::parse(if user == "ada" { "accounts:write" } else { "" });
    Ok(Some(Claims::new(json!({ "name": user })).with_subject(user).with_scopes(scopes)))
}

#[derive(Group)]
struct Shop;

async fn start<P: Policy>(table: Table) -> TestApp {
    let app = App::new().authenticate::<named>().middleware::<Audit<P>>().group::<Shop>(|g| {
        g.http::<change>(post("/change"))
            .queue::<sweep>("sweeps", Queue::default())
            .cron::<sweep>(Cron::new("0 3 * * *"))
    });
    TestApp::prepare(app).with(table).now_ms(1_790_000_000_000).start().await
}

fn ask<'a>(app: &'a TestApp, user: &str, account: &str) -> TestRequest<'a> {
    let request = app.post("/change").json(&json!({ "account": account, "password": "hunter2" }));
    request.header("x-user", user)
}

#[tokio::test]
async fn every_outcome_is_told_with_the_named_fields_alone() {
    let table = Table::of(u32::MAX);
    let app = start::<Told>(table.clone()).await;
    for (user, account, status) in
        [("ada", "a1", 204), ("ada", "locked", 409), ("ada", "bursts", 500), ("bob", "a1", 403)]
    {
        assert_eq!(ask(&app, user, account).send().await.status(), status);
    }
    assert_eq!(app.post("/change").json(&json!({ "account": "a1", "password": "hunter2" })).send().await.status(), 401);
    assert_eq!(app.post("/change").header("x-user", "ada").json(&json!({ "account": 1 })).send().await.status(), 422);
    app.queue("sweeps", &json!({})).await.unwrap();
    app.cron("sweep").await.unwrap();
    let record = |status: u16, code: Option<&str>, subject: Option<&str>, account: Option<&str>| {
        let mut record = json!({
            "policy": "told", "phase": "ended", "at_ms": 1_790_000_000_000_u64, "function": "change",
            "transport": "http", "call_id": "test", "status": status, "took_ms": 0,
        });
        let members = [("code", code), ("subject", subject)];
        members.iter().filter(|(_, value)| value.is_some()).for_each(|(name, value)| record[*name] = json!(value));
        if let Some(account) = account {
            record["input"] = json!({ "/account": account });
        }
        record
    };
    let mut sweep = record(200, None, None, None);
    sweep["function"] = "sweep".into();
    let with = |transport: &str| {
        let mut sweep = sweep.clone();
        sweep["transport"] = transport.into();
        sweep
    };
    let records = table.records();
    assert_eq!(
        records,
        [
            record(200, None, Some("ada"), Some("a1")),
            record(409, Some("locked"), Some("ada"), Some("locked")),
            record(500, Some("internal"), Some("ada"), Some("bursts")),
            record(403, Some("insufficient_scope"), Some("bob"), Some("a1")),
            record(401, Some("unauthenticated"), None, Some("a1")),
            record(422, Some("invalid_input"), Some("ada"), None),
            with("queue"),
            with("schedule"),
        ]
    );
    assert!(!format!("{records:?}").contains("hunter2"));
}

#[tokio::test]
async fn what_has_to_be_told_is_not_done_untold() {
    // There is room for the beginning of one call and its end.
    let table = Table::of(2);
    let app = start::<Required>(table.clone()).await;
    assert_eq!(ask(&app, "ada", "a1").send().await.status(), 204);
    let phases: Vec<Value> = table.records().iter().map(|record| record["phase"].clone()).collect();
    assert_eq!(phases, ["begun", "ended"]);
    // It would burst if it were made.
    let refused = ask(&app, "ada", "bursts").send().await;
    assert_eq!((refused.status(), refused.json::<Value>()["code"].clone()), (503, json!("audit_failed")));
    assert!(!app.logged().iter().any(|line| format!("{line:?}").contains("it bursts")));
    // The beginning could be told, and the end not.
    let app = start::<Required>(Table::of(1)).await;
    let failed = ask(&app, "ada", "a1").send().await;
    assert_eq!((failed.status(), failed.json::<Value>()["code"].clone()), (500, json!("audit_failed")));
    let kept = app.logged().into_iter().find(|line| line.message == "an audit record cannot be written").unwrap();
    assert!(kept.detail.unwrap().contains("\"subject\":\"ada\""), "it is not lost");
}

#[tokio::test]
async fn what_need_not_be_told_is_done() {
    let app = start::<Told>(Table::of(0)).await;
    assert_eq!(ask(&app, "ada", "a1").send().await.status(), 204);
    let kept = app.logged().into_iter().find(|line| line.message == "an audit record cannot be written").unwrap();
    assert!(kept.detail.unwrap().contains("\"/account\":\"a1\""));
}

#[tokio::test]
async fn records_may_go_to_the_calls_log() {
    let app = start::<Logged>(Table::of(0)).await;
    assert_eq!(ask(&app, "ada", "a1").send().await.status(), 204);
    let line = app.logged().into_iter().find(|line| line.message == "audit").unwrap();
    let record: Value = serde_json::from_str(&line.detail.unwrap()).unwrap();
    assert_eq!((&record["subject"], &record["input"]), (&json!("ada"), &json!({ "/account": "a1" })));
}

#[tokio::test]
async fn a_call_that_is_dropped_is_told_of() {
    let table = Table::of(u32::MAX);
    let app = start::<Required>(table.clone()).await;
    let mut call = Box::pin(ask(&app, "ada", "hangs").send());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(call.as_mut().poll(&mut context).is_pending());
    drop(call);
    assert_eq!(table.records().len(), 1);
    assert!(app.logged().iter().any(|line| line.message.contains("dropped before its end")));
}
