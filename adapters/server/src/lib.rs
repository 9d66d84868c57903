//! Runs a Pikku app as a plain server.
//!
//! Most apps call [`serve`]:
//!
//! ```no_run
//! # use pikku::{App, Selection, http::get};
//! # #[pikku::function(public)]
//! # async fn hello() -> Result<String, pikku::Problem> { Ok("hello".to_owned()) }
//! # #[derive(pikku::Group)] struct Hello;
//! # fn app<S: Selection>() -> App<S> { App::new().group::<Hello>(|g| g.http::<hello>(get("/"))) }
//! # struct All; impl Selection for All {
//! #     const GROUPS: Option<&'static [&'static str]> = None;
//! #     fn contract<F: pikku::Function>() -> Result<pikku::Contract, pikku::ContractMissing> {
//! #         Err(pikku::ContractMissing::new(F::NAME))
//! #     }
//! # }
//! #[tokio::main]
//! async fn main() -> Result<(), pikku_server::ServeError> {
//!     pikku_server::serve(app::<All>()).await
//! }
//! ```
//!
//! It answers HTTP/1.1 and HTTP/2 on one port, keeps every request within [`Limits`], says whether it is alive and ready,
//! and ends gracefully on SIGTERM and SIGINT. [`Server`] is the same with settings; [`run`] is the `main` of a program
//! that `cargo pikku package --target server` builds.
//!
//! Where there is a server already, [`AppService`] is the app as a [`tower_service::Service`]: it mounts in axum, hyper or
//! any tower stack, beside handlers that know nothing of Pikku.
//!
//! The adapter translates: a request to a call of the runtime, and the outcome back to a response. It decides nothing else;
//! routing, validation and errors are the runtime's. Lines of the log are `tracing` events.
//!
//! | of a request | the call has |
//! |---|---|
//! | `x-request-id` of a [proxy](Server::behind), or an id that is made | its id; the response carries it as well |
//! | `traceparent` | its trace |
//! | the request's time | its deadline |
//! | a client that goes away | its end: the function is dropped where it waits |
//!
//! # Queues and schedules
//!
//! What functions send is kept in a store, and what is in the store comes back as calls: at least once, with the retries,
//! delays and order that the wiring says, dead letters after the last retry, and schedules that run once over all instances
//! of the app on one store. `PIKKU_QUEUES` names the store; without it that is the file `pikku.db` in the working folder
//! (the feature `sqlite`). [`serve`] and [`Server`] take what is in it; [`AppService`] alone only sends.
//!
//! A message's call has the id of the message and a deadline of its own, 15 minutes unless it is set. It is acknowledged when
//! the function has returned. Topics, buckets, tables, streams and event buses are fed by nothing here: [`serve`] names
//! those at start.
//!
//! | feature | |
//! |---|---|
//! | `sqlite` | queues in a file, on one machine; on by default |
//! | `postgres` | queues in PostgreSQL, `postgres://user:password@host/database` |
//! | `nats` | queues in NATS JetStream, `nats://host` |
//! | `schedules` | schedules, which take a store; on by default |

mod answer;
mod connection;
mod current;
#[cfg(feature = "dev")]
pub mod dev;
mod error;
mod file;
mod health;
mod layers;
mod limits;
mod linger;
mod log;
#[cfg(feature = "otlp")]
mod otlp;
mod platform;
mod pulse;
#[cfg_attr(not(feature = "engines"), path = "queues/absent.rs")]
mod queues;
mod request;
mod run;
mod server;
mod service;
mod settings;
mod span;
mod stop;
mod version;

pub use answer::Answer;
pub use error::{ServeError, WrongSetting};
pub use limits::Limits;
pub use pikku_tower::{HttpLayer, LayeredBody, LayeredService};
pub use request::ClientAddress;
pub use run::run;
pub use server::{Bound, Server, serve};
pub use service::AppService;
