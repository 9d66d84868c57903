//! Runs a Pikku app on Cloudflare Workers.
//!
//! The adapter translates: a platform's event to a call of the runtime, and the outcome back to what the platform
//! wants. It decides nothing else; routing, validation and errors are the runtime's.
//!
//! | event | call | answer |
//! |---|---|---|
//! | `fetch` | one | the response; a streamed body is streamed |
//! | `queue` | one a message | each message is acknowledged, or retried alone with the wiring's delay |
//! | `scheduled` | one, of the wiring with that expression | nothing, or an error so that the run counts as failed |
//!
//! A client that goes away ends its call, or the stream of its answer, and gives back what they hold; workerd says so by the flag
//! `enable_request_signal`, which the packager sets, and would otherwise leave them as they are for ever.
//!
//! A bundle is `pikku_cloudflare::worker!(…)` in a crate of its own, and JavaScript around it that the packager writes:
//! it reads requests, writes responses and starts a new instance after a panic. Requests cross the border as strings and
//! octets and not as objects of the `worker` crate, which is linked for its bindings alone: with nothing but its timer in
//! use, a bundle of nine functions had 5.4 kB of wasm and 2.8 kB of JavaScript more (gzipped), as the crate exports
//! classes that nothing can take out again. Services reach the bindings through `Bindings`, behind the feature `bindings`,
//! and D1 and KV also through `Database` and `KeyValue`, which need neither the feature nor that crate. `D1Sessions` and
//! `KvSessions`, behind the feature `sessions`, keep the sessions of `pikku-auth`; `WorkerFetch`, behind `keys`, fetches its key
//! sets, and behind `transport` makes the requests of remote procedure calls and of traces. `D1Store`, behind `stores`, keeps the rates
//! and results of `pikku-middleware`.
//!
//! Natively the crate is empty, so that an app can depend on it on every target.

#[cfg(all(target_family = "wasm", feature = "bindings"))]
mod bindings;
#[cfg(target_family = "wasm")]
mod call;
#[cfg(all(target_family = "wasm", feature = "sessions"))]
mod d1_sessions;
#[cfg(all(target_family = "wasm", feature = "stores"))]
mod d1_store;
#[cfg(all(target_family = "wasm", any(feature = "sessions", feature = "stores")))]
mod d1_tables;
#[cfg(target_family = "wasm")]
mod database;
#[cfg(target_family = "wasm")]
mod entry;
#[cfg(all(target_family = "wasm", any(feature = "keys", feature = "transport")))]
mod fetch;
#[cfg(target_family = "wasm")]
mod host;
#[cfg(target_family = "wasm")]
mod http;
#[cfg(target_family = "wasm")]
mod instance;
#[cfg(target_family = "wasm")]
mod key_value;
#[cfg(all(target_family = "wasm", feature = "sessions"))]
mod kv_sessions;
#[cfg(target_family = "wasm")]
mod missing;
#[cfg(target_family = "wasm")]
mod platform;
#[cfg(target_family = "wasm")]
mod queue;
#[cfg(target_family = "wasm")]
mod schedule;
#[cfg(target_family = "wasm")]
mod timer;

#[cfg(all(target_family = "wasm", feature = "bindings"))]
pub use ::worker;
#[cfg(all(target_family = "wasm", feature = "bindings"))]
pub use bindings::Bindings;
#[cfg(all(target_family = "wasm", feature = "sessions"))]
pub use d1_sessions::D1Sessions;
#[cfg(all(target_family = "wasm", feature = "stores"))]
pub use d1_store::D1Store;
#[cfg(target_family = "wasm")]
pub use database::{Database, DatabaseError};
#[cfg(all(target_family = "wasm", any(feature = "keys", feature = "transport")))]
pub use fetch::WorkerFetch;
#[cfg(target_family = "wasm")]
pub use key_value::{KeyValue, KeyValueError};
#[cfg(all(target_family = "wasm", feature = "sessions"))]
pub use kv_sessions::KvSessions;
#[cfg(target_family = "wasm")]
pub use missing::MissingBinding;

/// What the entry macro's output names and nobody else should.
#[doc(hidden)]
#[cfg(target_family = "wasm")]
pub mod __private {
    pub use crate::{
        call::give_up,
        host::Host,
        http::fetch,
        instance::{App, initialise},
        queue::message,
        schedule::scheduled,
    };
    pub use js_sys;
    pub use wasm_bindgen;
}
