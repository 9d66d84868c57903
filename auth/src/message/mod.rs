//! Who caused a message, or makes a remote procedure call: signed by the app that sends it, verified by the app behind the queue or
//! by the service that is called (feature `messages`).
//!
//! A call with a session sends a message, and the function behind the queue is called with the same session: its subject, its
//! scopes, its value, and whether it is read-only. So what a function demands of its caller holds over a queue as it does
//! over HTTP. It is the same with a function that calls one of [another service](#remote-procedure-calls).
//!
//! ```
//! use pikku::{AuthError, BoxError, Call, Claims, Need, service::Env};
//! use pikku_auth::message::{CallerKeys, Callers};
//!
//! /// Signs and verifies who caused a message.
//! #[derive(Clone, pikku::CallerSigner)]
//! pub struct AppCallers(Callers);
//!
//! #[pikku::service(needs = [Need::Variable("CALLER_KEYS")])]
//! fn app_callers(env: &Env) -> Result<AppCallers, BoxError> {
//!     let keys = env.get("CALLER_KEYS").ok_or("CALLER_KEYS is not set")?;
//!     Ok(AppCallers(Callers::new(CallerKeys::parse(&keys)?)))
//! }
//!
//! // For those who send …
//! #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema, pikku::Message)]
//! #[pikku(queue = "orders-placed", signed_by = AppCallers)]
//! pub struct OrderPlaced { id: u64 }
//!
//! // … and for those behind the queue: `app.authenticate::<caller>()`.
//! #[pikku::authenticator(challenge = "")]
//! async fn caller(callers: &AppCallers, call: &Call) -> Result<Option<Claims>, AuthError> {
//!     callers.0.authenticate(call)
//! }
//! ```
//!
//! A function that sends asks for `&Queue<OrderPlaced>` as any other; what it sends carries the caller of *its* call. A
//! singleton, which has no call, says whose message it is by [`Queues::send_as`](pikku::service::Queues::send_as), and what
//! goes through an outbox is given the attribute [`CALLER`](pikku::call::CALLER) with what [`Callers::sign`] returns.
//!
//! # What is signed
//!
//! A JSON Web Token (RFC 7519) by HS256, under a key that HKDF-SHA-256 derives from a secret of the app, of the type
//! `pikku-caller+jwt`, at most 4 KiB. It is bound to
//!
//! - the queue, by its logical name (`aud`): in another queue it is worth nothing;
//! - the body, by the SHA-256 of its octets (`body`), and its group and deduplication id where it has them;
//! - the time: it goes for 14 days, the longest that SQS keeps a message, and as long as the message is kept back besides.
//!   See [`Callers::lifetime`].
//!
//! Who can only read the queue learns the session from it, as from the body: it is signed and not encrypted. Who can also
//! write to it can put a message there once more, with its caller, as the platform itself may do: functions behind queues are
//! idempotent, or `Idempotency` of `pikku-middleware` makes them so.
//!
//! # Remote procedure calls
//!
//! The same services sign who calls a function of another service, which `pikku-rpc` does, and verify it where functions are wired by
//! `g.rpc` of [`Groups`](pikku::Groups), with the lines above on both sides and one secret. What is signed is another type of token,
//! `pikku-rpc+jwt`, so that what goes for a queue goes for no call, and the reverse. It is bound to
//!
//! - the function and the service that has it ([`Callers::of_service`]): `rpc:prices/price_of`;
//! - the body, by the SHA-256 of its octets, which is all of the input, and the key by which the call is to be done once;
//! - the time: a minute, unless [`Callers::call_lifetime`] says otherwise, and half a minute more as clocks differ.
//!
//! It is sent as the header `pikku-caller`, which is nothing on every other route. Who can read the request, on the way in the clear or
//! in a log of headers, can send it again while it goes, and no other; under a key `Idempotency` of `pikku-middleware` does it once.
//! Who has the secret can be anybody: it is for services of one owner.
//!
//! # What is refused
//!
//! | the message, or the call | is called |
//! |---|---|
//! | has no caller | without a session: a function that demands one fails with `401`. Where every message has one say [`Callers::required`] |
//! | was signed by another key, or by none (`alg: none`) | not at all: `401` |
//! | lay in another queue, has another body, group or deduplication id, has expired | not at all: `401` |
//! | is of another function or service, has another body or idempotency key, has expired, says it twice | not at all: `401` |
//! | has a caller that lacks a scope, or is read-only | as over HTTP: `403` |
//!
//! A message that is refused fails, is tried again and goes to the dead letters, as any message whose call fails; the log says why.
//! Put back from there into its queue it is good again; a function that is wired to a dead-letter queue itself gets messages
//! of another queue, and takes no session.
//!
//! Requests cannot smuggle a caller: but for remote procedure calls no header is looked at, only what a queue has handed over. Nor is the session looked up
//! again: a user who was deleted meanwhile is the caller of what was sent before. A function that has to know asks a
//! permission.
//!
//! # Where it travels
//!
//! As the attribute `pikku-caller`: in SQS, Service Bus, and the server's queues in SQLite, PostgreSQL, NATS and SQS.
//! Cloudflare's queues and Azure's storage queues have no attributes; there it stands in lines above the body, which the
//! runtime takes away again.

mod callers;
mod keys;

pub use callers::Callers;
pub use keys::{CallerKeyError, CallerKeys};
