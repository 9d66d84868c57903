//! Sessions of browsers, in sealed cookies (feature `cookies`).
//!
//! ```
//! use pikku::{AuthError, BoxError, Call, Claims, Need, Problem, SessionChange, SessionControl, service::Env};
//! use pikku_auth::session::{CookieSessions, MemorySessions, SealKeys};
//!
//! pub struct Sessions(CookieSessions);
//!
//! #[pikku::service(needs = [Need::Variable("SESSION_KEYS")])]
//! fn sessions(env: &Env) -> Result<Sessions, BoxError> {
//!     let keys = SealKeys::parse(&env.get("SESSION_KEYS").ok_or("SESSION_KEYS is not set")?)?;
//!     Ok(Sessions(CookieSessions::in_store(keys, MemorySessions::default())))
//! }
//!
//! #[pikku::authenticator(challenge = "Cookie", keep = keep)]
//! async fn cookie(sessions: &Sessions, call: &Call) -> Result<Option<Claims>, AuthError> {
//!     sessions.0.authenticate(call).await
//! }
//!
//! async fn keep(sessions: &Sessions, call: &Call, change: &SessionChange) -> Result<(), Problem> {
//!     sessions.0.settle(call, change).await
//! }
//!
//! #[derive(serde::Deserialize, schemars::JsonSchema)]
//! pub struct LogIn { name: String, password: String }
//!
//! #[pikku::function(public)]
//! pub async fn log_in(session: &SessionControl, input: LogIn) -> Result<(), Problem> {
//!     // … look the password up …
//!     session.set(Claims::new(serde_json::json!({ "name": &input.name })).with_subject(input.name));
//!     Ok(())
//! }
//! ```
//!
//! # The cookie
//!
//! `__Host-session`, or another name after `__Host-`: browsers take it over TLS alone, from the host itself and for no other,
//! so that neither a sibling domain nor the network can put one in its place. It is `HttpOnly`, `Secure`, `SameSite=Lax` and
//! of the path `/`. Browsers take it from `http://localhost` too, except Safari.
//!
//! What is in it is [sealed](SealKeys): nobody reads or changes it. A change to it, another key, another app's cookie and one
//! that has ended are no session, which a line of the log tells; the call goes on without. Nothing takes the cookie away
//! then, because the answer to a slow request would take away one that was set meanwhile.
//!
//! # With a store or without
//!
//! | | [`CookieSessions::in_cookie`] | [`CookieSessions::in_store`] |
//! |---|---|---|
//! | what the cookie holds | the claims, up to about 2.9 KiB of JSON | an id of 256 random bits |
//! | a call costs | no look anywhere | one look into the [store](SessionStore) |
//! | logging out | takes the cookie away; a copy of it stands until it expires | ends the session everywhere |
//! | a deleted user, a changed password | stand until the cookie expires | [`CookieSessions::remove_user`] ends all |
//! | idle sessions | stand until they expire | end after [`CookieSessions::idle`] |
//!
//! There are stores for memory, SQLite and PostgreSQL (features `sqlite` and `postgres`), and for Workers in
//! `pikku-cloudflare` (feature `sessions`): D1, where what is ended is so everywhere at once, and KV.
//!
//! Whatever sets a session makes a new id and ends the one that the request bore, so that an id that somebody planted before
//! the login is worth nothing after it.
//!
//! # Requests of other sites
//!
//! Another site can have a browser send a request with the cookie. Where such a request could change something it is refused,
//! with `403`, and so is one that would set the session: see [`CookieSessions::trust_origin`].

#[cfg(feature = "conformance")]
pub mod conformance;
mod cookies;
mod keys;
mod store;

pub use cookies::{CookieSessions, SameSite};
pub use keys::{SealKeyError, SealKeys};
#[cfg(feature = "postgres")]
pub use store::PostgresSessions;
#[cfg(feature = "sqlite")]
pub use store::SqliteSessions;
pub use store::{MemorySessions, RecordError, SessionKey, SessionStore, StoredSession};
