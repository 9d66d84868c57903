//! Remote procedure calls: a function of one service calls a function of another, by its type, as its own caller.
//!
//! The other service says which of its functions are called so, `g.rpc::<price_of>()`, and is reached at `POST /rpc/price_of`: one
//! JSON input, one JSON output, and the error envelope of every transport. This one says where the other is, and a function asks for
//! [`Rpc`] of it. Both know the function as the type that wirings name; of a function that is only called so nothing is linked but
//! its name and its types.
//!
//! ```
//! # use schemars::JsonSchema;
//! # use serde::{Deserialize, Serialize};
//! use pikku::{App, AuthError, BoxError, Call, Claims, Need, Problem, Session, http::post, service::Env};
//! use pikku_auth::message::{CallerKeys, Callers};
//! use pikku_rpc::{HttpsTransport, Remote, Rpc, RpcError};
//!
//! /// Signs and verifies who calls. Both services have it, and the secret.
//! #[derive(Clone, pikku::CallerSigner)]
//! pub struct AppCallers(Callers);
//!
//! #[pikku::service(needs = [Need::Variable("CALLER_KEYS")])]
//! fn app_callers(env: &Env) -> Result<AppCallers, BoxError> {
//!     let keys = env.get("CALLER_KEYS").ok_or("CALLER_KEYS is not set")?;
//!     Ok(AppCallers(Callers::new(CallerKeys::parse(&keys)?).of_service(Prices::NAME)))
//! }
//!
//! // The service that is called …
//! #[derive(Deserialize, Serialize, JsonSchema)]
//! pub struct Item { sku: String }
//!
//! /// What it costs.
//! #[pikku::function(scopes = ["prices:read"])]
//! pub async fn price_of(item: Item) -> Result<u32, Problem> {
//!     Ok(100 * item.sku.len() as u32)
//! }
//!
//! #[pikku::authenticator(challenge = "")]
//! async fn caller(callers: &AppCallers, call: &Call) -> Result<Option<Claims>, AuthError> {
//!     callers.0.authenticate(call)
//! }
//!
//! #[derive(pikku::Group)]
//! pub struct Catalogue;
//!
//! pub fn prices<S: pikku::Selection>() -> App<S> {
//!     App::new().authenticate::<caller>().group::<Catalogue>(|g| g.rpc::<price_of>())
//! }
//!
//! // … and the one that calls: where the other is, and who signs.
//! pub struct Prices;
//!
//! impl Remote for Prices {
//!     const NAME: &'static str = "prices";
//!     const URL: &'static str = "PRICES_URL";
//!     type Transport = HttpsTransport;
//!     type Signer = AppCallers;
//! }
//!
//! /// Sells one.
//! #[pikku::function(session)]
//! pub async fn sell(prices: &Rpc<Prices>, item: Item) -> Result<u32, RpcError> {
//!     prices.call::<price_of>(&item).await
//! }
//! #
//! # #[pikku::authenticator]
//! # async fn user(_call: &Call) -> Result<Option<Claims>, AuthError> {
//! #     Ok(Some(Claims::default().with_scopes(pikku::Scopes::parse("prices"))))
//! # }
//! # #[derive(pikku::Group)]
//! # pub struct Shop;
//! # pub fn shop<S: pikku::Selection>() -> App<S> {
//! #     App::new().authenticate::<user>().group::<Shop>(|g| g.http::<sell>(post("/sold")))
//! # }
//!
//! // Both in one process, as a test has them.
//! use pikku::testing::{TestApp, block_on};
//! use pikku_rpc::{Endpoint, testing::InProcess};
//!
//! # fn main() -> Result<(), BoxError> {
//! block_on(async {
//!     let prices = TestApp::prepare(prices()).variable("CALLER_KEYS", "a-secret-of-thirty-two-octets-or-more").start().await;
//!     let shop = TestApp::prepare(shop())
//!         .variable("CALLER_KEYS", "a-secret-of-thirty-two-octets-or-more")
//!         .with(Endpoint::<Prices>::new("https://prices.example", InProcess::of(prices))?)
//!         .start()
//!         .await;
//!     let answer = shop.post("/sold").json(&serde_json::json!({ "sku": "tea" })).send().await;
//!     assert_eq!(answer.json::<u32>(), 300);
//! #   Ok(())
//! })
//! # }
//! ```
//!
//! # What goes along
//!
//! | of the call | as | and there |
//! |---|---|---|
//! | who calls: subject, scopes, session, whether it is read-only | `pikku-caller`, signed for that function of that service and that body, for a minute | it is the session, where the app has `Callers` for a source (`pikku_auth::message`). Scopes and permissions are decided there |
//! | the time that is left, at the most [`Remote::TIMEOUT_MS`] | `pikku-timeout-ms` | the call ends then, also where nobody notices that its caller is gone |
//! | its trace | `traceparent`, `tracestate` | the call is of the same trace |
//! | a [key](Request::idempotency_key) | `Idempotency-Key`, which is signed too | with `Idempotency` of `pikku-middleware` it is done once for its caller |
//!
//! Nothing else does: no header and no token that this call has been given.
//!
//! # What comes back
//!
//! The output, or an [`RpcError`] that tells apart what was refused there, and how, from what was not answered, late or not
//! understood. What is private there stays in the log there. Requests are made once and follow no redirection; an answer has at
//! most [`Remote::MOST_OCTETS`]. URLs are of `https`, or of this machine, unless [`Remote::IN_THE_CLEAR`] says otherwise.
//!
//! | feature | |
//! |---|---|
//! | `https` | `HttpsTransport`, for every target but Workers; there it is `WorkerFetch` of `pikku-cloudflare` (feature `transport`) |
//! | `testing` | `testing::InProcess`, which calls an app in the same process |

mod answer;
mod client;
mod endpoint;
mod error;
mod remote;
#[cfg(feature = "testing")]
pub mod testing;

pub use client::{Request, Rpc};
pub use endpoint::Endpoint;
pub use error::{Failure, Refusal, RpcError};
#[cfg(feature = "https")]
pub use pikku_https::HttpsTransport;
pub use remote::Remote;
