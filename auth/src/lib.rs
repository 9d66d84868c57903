//! Sources of sessions for Pikku.
//!
//! Each is a type that a service of the app holds, and a method that an
//! [authenticator](pikku::authenticator) of the app calls:
//!
//! ```
//! use pikku::{AuthError, BoxError, Call, Claims, service::Env};
//! use pikku_auth::jwt::{Key, Tokens};
//!
//! pub struct AppTokens(Tokens);
//!
//! #[pikku::service(needs = [pikku::Need::Variable("TOKEN_SECRET")])]
//! fn app_tokens(env: &Env) -> Result<AppTokens, BoxError> {
//!     let secret = env.get("TOKEN_SECRET").ok_or("TOKEN_SECRET is not set")?;
//!     Ok(AppTokens(Tokens::of(Key::hmac(secret.as_bytes())?, "https://id.example", "shop")))
//! }
//!
//! #[pikku::authenticator]
//! async fn bearer(tokens: &AppTokens, call: &Call) -> Result<Option<Claims>, AuthError> {
//!     tokens.0.authenticate(call).await
//! }
//! ```
//!
//! | module | who is known |
//! |---|---|
//! | `jwt` (a feature of the default ones) | whoever bears a JSON Web Token (RFC 7519, RFC 8725) that a key of the app, or of a key set at a URL, has signed |
//! | [`api_key`] | whoever has an API key, of which the app keeps a hash |
//! | `session` (feature `cookies`) | who has logged in with a browser: cookies, and stores of sessions |
//! | `message` (feature `messages`) | who caused a message of a queue or makes a remote procedure call: signed by the app, bound to the queue and the message, or to the function and the body |
//! | [`platform`] | whom the platform itself has let in |
//!
//! What of OWASP's verification standard they keep, and which tests show it, is in a table (`asvs`).
//!
//! What a client says of itself without proof, such as `X-Forwarded-User`, makes no session.

pub mod api_key;
#[cfg(all(feature = "cookies", feature = "jwt"))]
#[doc = include_str!("docs/asvs.md")]
pub mod asvs {}
pub mod bearer;
#[cfg(feature = "jwt")]
pub mod jwt;
#[cfg(feature = "messages")]
pub mod message;
pub mod platform;
#[cfg(any(feature = "cookies", feature = "messages"))]
mod secret;
#[cfg(feature = "cookies")]
pub mod session;
