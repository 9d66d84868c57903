//! Write a business function once, as ordinary typed Rust, and reach it over every transport on every platform.
//!
//! ```
//! use pikku::http::post;
//!
//! #[derive(serde::Deserialize, schemars::JsonSchema)]
//! pub struct Greet {
//!     #[schemars(length(min = 1, max = 80))]
//!     name: String,
//! }
//!
//! #[derive(serde::Serialize, schemars::JsonSchema)]
//! pub struct Greeting {
//!     text: String,
//! }
//!
//! /// Greets someone by name.
//! #[pikku::function(public)]
//! pub async fn greet(input: Greet) -> Result<Greeting, pikku::Problem> {
//!     Ok(Greeting { text: format!("hello, {}", input.name) })
//! }
//!
//! #[derive(pikku::Group)]
//! pub struct Hello;
//!
//! pub fn app<S: pikku::Selection>() -> pikku::App<S> {
//!     pikku::App::new().group::<Hello>(|g| g.http::<greet>(post("/greet")))
//! }
//! ```
//!
//! The crate owns the function model and the one pipeline that every call takes ([`dispatch`]). It knows no platform:
//! adapters translate a platform's events into calls and the outcomes back, and decide nothing.
//!
//! | part | what it is |
//! |---|---|
//! | [`macro@function`], [`Function`] | a business function |
//! | [`macro@service`], [`Service`] | something a function asks for by type |
//! | [`macro@Message`], [`service::Queue`] | messages that functions send to queues, by type |
//! | [`App`], [`Group`], [`Selection`] | how functions are reached, and which of them a bundle holds |
//! | [`access`] | who may call what |
//! | [`Groups`] | what a function is wired to: routes, remote procedure calls (feature `rpc`), queues, schedules, events |
//! | [`Call`] | what the transport knows of a call, for the few functions that want it |
//! | [`macro@Error`], [`Problem`] | errors as part of the contract, one envelope on every transport |
//! | [`Contract`] | validation of the input, compiled in a bundle, interpreted elsewhere |
//! | [`macro@Config`] | settings, checked before the first call |
//! | [`Secret`] | values that nothing prints |
//! | [`json`] | JSON as inputs are read |
//! | `testing` | an app in process, its services swapped by value |

// The macros' output names this crate as `pikku`, also in this crate's own tests.
#[allow(unused_extern_crates)]
extern crate self as pikku;

pub mod access;
mod app;
pub mod call;
pub mod config;
pub mod dispatch;
mod error;
pub mod function;
mod future;
pub mod http;
#[cfg(feature = "introspect")]
pub mod introspect;
pub mod json;
mod middleware;
pub mod platform;
mod secret;
pub mod service;
mod session;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg_attr(not(feature = "rpc"), allow(dead_code))]
mod text;
pub mod validation;
pub mod wiring;

pub use access::{AuthError, Authenticator, Claims, Permission, Role, Scopes, SessionChange, SessionControl};
#[cfg(any(feature = "introspect", feature = "interpret"))]
pub use app::All;
pub use app::{App, Group, Groups, Kinds, Selection};
pub use bytes::Bytes;
pub use call::Call;
pub use dispatch::Engine;
pub use error::{BoxError, Error, ErrorCase, Problem, StatusCode, Violation, ViolationSource};
pub use function::{Function, Input, Output};
pub use future::{BoxFuture, edge};
pub use http::{Body, Response};
pub use middleware::{Attempts, Middleware, Next, Outcome};
/// Makes a service around one signer of callers, such as `pikku_auth::message::Callers`, a
/// [`CallerSigner`](service::CallerSigner) itself, so that messages can be `signed_by` it (feature `callers`).
#[cfg(feature = "callers")]
pub use pikku_macros::CallerSigner;
#[doc = include_str!("docs/config.md")]
pub use pikku_macros::Config;
#[doc = include_str!("docs/error.md")]
pub use pikku_macros::Error;
#[doc = include_str!("docs/group.md")]
pub use pikku_macros::Group;
#[doc = include_str!("docs/message.md")]
pub use pikku_macros::Message;
#[doc = include_str!("docs/authenticator.md")]
pub use pikku_macros::authenticator;
#[doc = include_str!("docs/function.md")]
pub use pikku_macros::function;
#[doc = include_str!("docs/middleware.md")]
pub use pikku_macros::middleware;
#[doc = include_str!("docs/permission.md")]
pub use pikku_macros::permission;
#[doc = include_str!("docs/service.md")]
pub use pikku_macros::service;
pub use platform::Platform;
pub use schemars;
pub use secret::Secret;
pub use service::{Message, Need, Service};
pub use session::{Session, SessionMode};
pub use validation::{Contract, ContractMissing, Decode, Field};
pub use wiring::{Bucket, Cron, EventPattern, Misfire, Overlap, Queue, Stream, Table, Topic, WebSocket};

/// What the macros' output names and nobody else should.
#[doc(hidden)]
pub mod __private {
    pub use crate::{
        error::{cases, chain},
        session::SessionMode,
        text::Text,
    };
}
