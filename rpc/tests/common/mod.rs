//! Two services that share a secret: one that sells, and one that knows prices.

#![allow(dead_code, reason = "each test takes what it needs")]

use pikku::{
    All, App, AuthError, BoxError, Call, Claims, Group, Problem, Scopes, Session, StatusCode,
    http::{any, post},
    service::{Env, Unsigned},
};
use pikku_auth::message::{CallerKeys, Callers};
use pikku_middleware::{
    idempotency::{Idempotency, Policy},
    store::MemoryStore,
};
use pikku_rpc::{HttpsTransport, Remote, Rpc, RpcError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::{sync::Mutex, time::Duration};

pub(crate) const NOW_MS: u64 = 1_767_225_600_000;
pub(crate) const KEY: &str = "plantedsecret7Qx-of-both-services-of-thirty-two-octets";
pub(crate) const OTHER_KEY: &str = "plantedsecret7Qx-of-some-other-services-altogether";
/// What is in the private texts of errors.
pub(crate) const PRIVATE: &str = "private-77aa01";

// Both services.

#[derive(Clone, pikku::CallerSigner)]
pub(crate) struct AppCallers(Callers);

#[pikku::service]
fn app_callers(env: &Env) -> Result<AppCallers, BoxError> {
    let callers = Callers::new(CallerKeys::parse(&env.get("CALLER_KEYS").unwrap_or_else(|| KEY.to_owned()))?);
    let callers = callers.of_service(env.get("SERVICE").unwrap_or_else(|| Prices::NAME.to_owned()));
    Ok(AppCallers(if env.get("REQUIRED").is_some() { callers.required() } else { callers }))
}

#[pikku::authenticator(challenge = "")]
async fn caller(callers: &AppCallers, call: &Call) -> Result<Option<Claims>, AuthError> {
    callers.0.authenticate(call)
}

/// Whoever a header names.
#[pikku::authenticator]
async fn user(call: &Call) -> Result<Option<Claims>, AuthError> {
    let header = |name| call.headers().and_then(|headers| headers.get(name));
    let Some(name) = header("x-user") else { return Ok(None) };
    let claims = Claims::new(json!({ "name": name })).with_subject(name);
    let claims = claims.with_scopes(Scopes::parse(header("x-scopes").unwrap_or_default()));
    Ok(Some(if header("x-read-only").is_some() { claims.read_only() } else { claims }))
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct User {
    name: String,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
pub(crate) struct Item {
    #[schemars(length(min = 1, max = 40))]
    pub(crate) sku: String,
    /// How the call is to end.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) how: String,
}

// The service of prices.

#[derive(Debug, Deserialize, Serialize, JsonSchema, PartialEq)]
pub(crate) struct Price {
    pub(crate) cents: u32,
    pub(crate) for_whom: String,
}

#[derive(Debug, pikku::Error)]
pub(crate) enum PriceError {
    /// Nobody sells it.
    #[pikku(status = 404, detail = "nobody sells {sku}")]
    UnknownItem { sku: String, private: &'static str },
    /// Come again.
    #[pikku(transparent)]
    Busy(Problem),
}

/// What calls of the service of prices have seen.
static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// What was done since with a name in it, for tests run side by side.
pub(crate) fn seen(name: &str) -> Vec<String> {
    SEEN.lock().unwrap().extract_if(.., |line| line.contains(name)).collect()
}

fn see(line: String) {
    SEEN.lock().unwrap().push(line);
}

/// What somebody pays for it.
#[pikku::function(scopes = ["prices:read"], read_only)]
pub(crate) async fn price_of(call: &Call, user: Session<User>, item: Item) -> Result<Price, PriceError> {
    see(format!("{} asks for {}, trace {:?} {:?}", user.name, item.sku, call.trace(), call.trace_state()));
    match item.how.as_str() {
        "unknown" => Err(PriceError::UnknownItem { sku: item.sku, private: PRIVATE }),
        "failing" => Err(PriceError::Busy(Problem::internal(PRIVATE))),
        "busy" => {
            let mut headers = pikku::http::Headers::default();
            headers.append("retry-after", b"7").unwrap();
            let busy = Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many", "not so fast");
            Err(PriceError::Busy(busy.with_headers(headers)))
        }
        "panicking" => panic!("{PRIVATE}"),
        "large" => Ok(Price { cents: 1, for_whom: "x".repeat(70_000) }),
        "late" => {
            struct Dropped(String);
            impl Drop for Dropped {
                fn drop(&mut self) {
                    see(format!("{} is dropped", self.0));
                }
            }
            let _dropped = Dropped(item.sku);
            tokio::time::sleep(Duration::from_secs(60)).await;
            Ok(Price { cents: 0, for_whom: String::new() })
        }
        "left" => {
            Ok(Price { cents: call.remaining().map_or(0, |left| left.as_millis() as u32), for_whom: String::new() })
        }
        _ => Ok(Price { cents: 100, for_whom: user.name.clone() }),
    }
}

/// Another function with the same input.
#[pikku::function(session)]
pub(crate) async fn forget(user: Session<User>, item: Item) -> Result<(), Problem> {
    see(format!("{} forgets {}", user.name, item.sku));
    Ok(())
}

/// Is done once for a key.
#[pikku::function(session)]
pub(crate) async fn raise(user: Session<User>, item: Item) -> Result<u32, Problem> {
    see(format!("{} raises {}", user.name, item.sku));
    let times = SEEN.lock().unwrap().iter().filter(|line| line.ends_with(&format!("raises {}", item.sku))).count();
    if item.how == "late" {
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    Ok(times as u32)
}

/// Says who calls, if anybody does.
#[pikku::function(public)]
pub(crate) async fn who(user: Option<Session<User>>) -> Result<Option<String>, Problem> {
    Ok(user.map(|user| user.0.name))
}

struct Once;

impl Policy for Once {
    const NAME: &'static str = "once";
    type Store = MemoryStore;
}

#[derive(Group)]
struct PriceGroup;

pub(crate) fn prices() -> App<All> {
    App::new()
        .authenticate::<user>()
        .authenticate::<caller>()
        .routes("/rpc/raise", |l| l.middleware::<Idempotency<Once>>())
        .group::<PriceGroup>(|g| {
            g.rpc::<price_of>()
                .rpc::<forget>()
                .rpc::<raise>()
                .rpc::<who>()
                .http::<price_of>(post("/prices"))
                .http::<who>(any("/who"))
        })
}

#[derive(Group)]
struct Forgetful;

/// The same with a queue of the same callers.
pub(crate) fn prices_and_queue() -> App<All> {
    prices().group::<Forgetful>(|g| g.queue::<forget>("forgotten", pikku::Queue::batch(10)))
}

// The service that sells.

pub(crate) struct Prices;

impl Remote for Prices {
    const NAME: &'static str = "prices";
    const URL: &'static str = "PRICES_URL";
    const MOST_OCTETS: u32 = 64 * 1024;
    type Transport = HttpsTransport;
    type Signer = AppCallers;
}

/// The same for calls that say nothing of who makes them.
pub(crate) struct Anonymous;

impl Remote for Anonymous {
    const NAME: &'static str = "anonymous";
    const URL: &'static str = "PRICES_URL";
    const TIMEOUT_MS: u32 = 500;
    type Transport = HttpsTransport;
    type Signer = Unsigned;
}

/// Asks for the price of something, for its own caller; what went wrong there is told as it is told to anybody.
#[pikku::function(public, read_only)]
async fn sell(prices: &Rpc<Prices>, item: Item) -> Result<Price, RpcError> {
    prices.call::<price_of>(&item).await
}

/// The same with 200 ms for all of it.
#[pikku::function(public, timeout_ms = 200)]
async fn sell_soon(prices: &Rpc<Prices>, item: Item) -> Result<Price, RpcError> {
    prices.call::<price_of>(&item).await
}

#[derive(Debug, pikku::Error)]
enum SellError {
    /// There is no such thing.
    #[pikku(status = 404)]
    NoSuchThing,
    /// The buyer may not know.
    #[pikku(status = 403)]
    NotForYou,
    #[pikku(transparent)]
    Other(RpcError),
}

/// Looks at what the other service says.
#[pikku::function(public)]
async fn sell_kindly(prices: &Rpc<Prices>, item: Item) -> Result<Price, SellError> {
    prices.call::<price_of>(&item).await.map_err(|error| {
        match error.refusal().map(|refusal| refusal.status().as_u16()) {
            Some(401 | 403) => SellError::NotForYou,
            Some(_) if error.is("unknown_item") => SellError::NoSuchThing,
            _ => SellError::Other(error),
        }
    })
}

/// Has a price raised once for a key.
#[pikku::function(public)]
async fn demand(prices: &Rpc<Prices>, call: &Call, item: Item) -> Result<u32, RpcError> {
    let key = call.http().and_then(|request| request.header("x-key")).unwrap_or_default().to_owned();
    prices.request::<raise>(&item).idempotency_key(&key).send().await
}

/// Has something forgotten, which answers nothing.
#[pikku::function(public)]
async fn discard(prices: &Rpc<Prices>, item: Item) -> Result<(), RpcError> {
    prices.call::<forget>(&item).await
}

/// Asks who it is to the other service.
#[pikku::function(public)]
async fn who_am_i(prices: &Rpc<Prices>) -> Result<Option<String>, RpcError> {
    prices.call::<who>(&()).await
}

/// The same without saying it.
#[pikku::function(public)]
async fn nobody(prices: &Rpc<Anonymous>) -> Result<Option<String>, RpcError> {
    prices.call::<who>(&()).await
}

#[derive(Group)]
struct Shop;

pub(crate) fn shop() -> App<All> {
    App::new().authenticate::<user>().group::<Shop>(|g| {
        g.http::<sell>(post("/sold"))
            .http::<sell_soon>(post("/sold-soon"))
            .http::<sell_kindly>(post("/sold-kindly"))
            .http::<demand>(post("/demands"))
            .http::<discard>(post("/discarded"))
            .http::<who_am_i>(post("/me"))
            .http::<nobody>(post("/nobody"))
    })
}
