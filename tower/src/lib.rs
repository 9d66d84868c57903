//! Layers of tower around the HTTP of a Pikku app, on every platform.
//!
//! An app names them in its own code, so that they go wherever it goes: a server, Lambda, Azure Functions, Workers.
//!
//! ```
//! # use pikku::{App, Selection, http::get};
//! # #[pikku::function(public)]
//! # async fn hello() -> Result<String, pikku::Problem> { Ok("hello".to_owned()) }
//! # #[derive(pikku::Group)] struct Hello;
//! use http::{HeaderValue, header::SERVER};
//! use pikku_tower::TowerLayers as _;
//! use tower_http::{normalize_path::NormalizePathLayer, set_header::SetResponseHeaderLayer};
//!
//! fn app<S: Selection>() -> App<S> {
//!     App::new()
//!         .tower(|| SetResponseHeaderLayer::overriding(SERVER, HeaderValue::from_static("shop")))
//!         .tower(NormalizePathLayer::trim_trailing_slash)
//!         .group::<Hello>(|g| g.http::<hello>(get("/hello")))
//! }
//! # let _ = app::<pikku::All>();
//! ```
//!
//! They stand outside of routing and of all middleware. Every HTTP request passes them: those that no route takes and those that an
//! adapter refuses, too. What is no HTTP does not: messages, runs of schedules, WebSockets; nor does a request that an adapter cannot
//! read. The first added is the outermost. A bundle that answers no HTTP has nothing of them.
//!
//! What has to know a call belongs into [middleware](macro@pikku::middleware) instead: who is behind it, what services it asks for,
//! how it is done over a queue. `pikku_server::Server::layer` is for layers of one server alone; they stand around these.
//!
//! # What a layer is given
//!
//! | of a request | a layer sees | what it changes |
//! |---|---|---|
//! | method, headers | as they are | is what the call has |
//! | path | that which routes are matched on, escaped in one way on all platforms; without the prefix of a stage | is what routes are matched on; `HttpRequest::path` stays as the client sent it |
//! | query | its pairs, escaped in one way | is what the call has |
//! | body | all of it | is what the call has, up to 10 MiB, or as much as it had; more is 413 |
//! | version, host | HTTP/1.1; the header `host` | is left out |
//! | what the platform knows | [`RequestInfo`], an extension | nothing: who the platform says calls, the client's address, ids, the trace and the deadline go along beside the layers |
//!
//! The body of an answer that is made while it is sent passes as a stream. What has no body of HTTP's own accord (`HEAD`, 204, 205,
//! 304) has none, whatever a layer gives.
//!
//! # What it can count on
//!
//! - It is made once, when the app starts, so that requests of one process share what it counts: the permits of a
//!   `ConcurrencyLimitLayer`, say. Processes share nothing: on Lambda there is one for each request at a time.
//! - It waits until it is ready with the request that waits, and nothing else does. Layers that look whether another has room, such
//!   as `LoadShedLayer`, belong with that into one `tower::ServiceBuilder`; what is added by itself always has room to the others.
//! - It may answer by itself, call the app more than once, at the same time or from another task. Each call is routed; one that the
//!   layer does not wait for any more is ended, and so is one that still goes on when the request is answered. The extensions of the request have to come along.
//! - An error of it is answered with a 500, a problem of code `internal`, and so is a panic (where panics do not abort). The log has
//!   the reason.
//! - A request that it keeps for longer than the platform's deadline is answered with 504.
//!
//! Layers with timers of their own, such as those for time-outs and rates, want the timers of tokio. Workers have none: there they
//! panic. Time-outs and rates of `pikku-middleware` are for every platform.
//!
//! Some platforms know the routes of an app. On Lambda, what no route takes goes to the first group that has routes: that is where
//! preflights are answered by a layer, and where a path is rewritten that is nobody's. On Workers and Azure each group has its own.

#[cfg(feature = "app")]
mod app;
mod body;
mod service;
#[cfg(feature = "app")]
mod translate;

#[cfg(feature = "app")]
pub use app::TowerLayers;
pub use body::LayeredBody;
pub use service::{HttpLayer, LayeredService, RequestInfo};
