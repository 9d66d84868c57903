//! Who may pay, and all that stands around it.

use pikku::{
    App, AuthError, BoxError, Call, Claims, Problem, Selection, Session,
    access::{All, Not},
    http::post,
};
use pikku_auth::{
    jwt::{Key, Tokens},
    message::{CallerKeys, Callers},
};
use pikku_middleware::{
    Audit, CircuitBreaker, Compression, ConcurrencyLimit, Cors, Csrf, Etag, Idempotency, LoadShed, RateLimit,
    RequestId, Retry, SecurityHeaders, Tracing,
    audit::{self, CallLog},
    circuit_breaker, concurrency_limit,
    cors::{self, Origins},
    idempotency, load_shed,
    rate_limit::{self, Key as Of, Quota},
    retry,
    store::MemoryStore,
    tracing,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What policies stand around.
#[derive(Debug, pikku::Group)]
pub struct Guarded;

/// Who calls.
#[derive(Debug, Deserialize)]
pub struct Member {
    limit: u32,
}

/// Verifies tokens.
#[derive(Debug)]
pub struct AppTokens(Tokens);

/// The public key of RFC 8037, appendix A.2.
const KEY: &str = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

#[pikku::service]
fn app_tokens() -> Result<AppTokens, BoxError> {
    let secret = Key::hmac(b"a secret of 32 octets, and public")?;
    Ok(AppTokens(Tokens::of(Key::jwk(KEY)?, "https://id.example", "payments").or_key(secret)))
}

/// Whoever bears a token.
#[pikku::authenticator]
pub async fn bearer(tokens: &AppTokens, call: &Call) -> Result<Option<Claims>, AuthError> {
    tokens.0.authenticate(call).await
}

/// Verifies who caused a message.
#[derive(Debug)]
pub struct AppCallers(Callers);

#[pikku::service]
fn app_callers() -> Result<AppCallers, BoxError> {
    Ok(AppCallers(Callers::new(CallerKeys::parse("the-secret-of-this-test-signs-nothing-else")?)))
}

/// Takes the signed caller of a message for its session.
#[pikku::authenticator(challenge = "")]
pub async fn message_caller(callers: &AppCallers, call: &Call) -> Result<Option<Claims>, AuthError> {
    callers.0.authenticate(call)
}

/// A payment.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
pub struct Payment {
    #[schemars(range(max = 1000))]
    amount: u32,
}

/// Whom the limit allows it.
#[pikku::permission]
pub async fn within_limit(member: Session<Member>, payment: Payment) -> bool {
    payment.amount <= member.limit
}

/// Who may pay nothing.
#[pikku::permission]
pub async fn blocked(member: Session<Member>) -> bool {
    member.limit == 0
}

/// What each policy of middleware is of.
#[derive(Debug)]
pub struct Payments;

impl audit::Policy for Payments {
    const NAME: &'static str = "payments";
    type Sink = CallLog;
}

impl circuit_breaker::Policy for Payments {
    const NAME: &'static str = "payments";
}

impl concurrency_limit::Policy for Payments {
    const NAME: &'static str = "payments";
    const MOST: u32 = 100;
}

impl cors::Policy for Payments {
    const NAME: &'static str = "payments";
    const ORIGINS: Origins = Origins::Only(&["https://shop.example"]);
}

impl idempotency::Policy for Payments {
    const NAME: &'static str = "payments";
    type Store = MemoryStore;
}

impl load_shed::Policy for Payments {
    const NAME: &'static str = "payments";
    const TARGET_MS: u32 = 500;
}

impl rate_limit::Policy for Payments {
    const NAME: &'static str = "payments";
    const QUOTA: Quota = Quota::per_minute(60);
    const KEY: Of = Of::Everyone;
    type Store = MemoryStore;
}

impl retry::Policy for Payments {
    const NAME: &'static str = "payments";
}

impl tracing::Policy for Payments {
    const NAME: &'static str = "payments";
    #[cfg(not(target_family = "wasm"))]
    type Transport = pikku_https::HttpsTransport;
    #[cfg(target_family = "wasm")]
    type Transport = pikku_cloudflare::WorkerFetch;
}

/// Pays.
#[pikku::function(scopes = ["payments:write"], permission = All::<(within_limit, Not<blocked>)>, tags = ["payments"])]
pub async fn pay(payment: Payment) -> Result<Payment, Problem> {
    Ok(payment)
}

/// Adds the group, and what stands around it.
pub fn attach<S: Selection>(app: App<S>) -> App<S> {
    app.tag("payments", |l| l.permission::<within_limit>().middleware::<Audit<Payments>>())
        .routes("/payments/{*rest}", |l| {
            l.permission::<within_limit>()
                .middleware::<RequestId>()
                .middleware::<SecurityHeaders>()
                .middleware::<Cors<Payments>>()
                .middleware::<Csrf>()
                .middleware::<Etag>()
                .middleware::<Compression>()
        })
        .group::<Guarded>(|g| {
            g.authenticate::<bearer>()
                .authenticate::<message_caller>()
                .middleware::<Tracing<Payments>>()
                .middleware::<LoadShed<Payments>>()
                .middleware::<ConcurrencyLimit<Payments>>()
                .middleware::<RateLimit<Payments>>()
                .middleware::<Idempotency<Payments>>()
                .middleware::<CircuitBreaker<Payments>>()
                .middleware::<Retry<Payments>>()
                .http::<pay>(post("/payments/{id}"))
        })
}
