//! The app of the tests of Cloudflare Workers.
//!
//! | group | what it shows |
//! |---|---|
//! | `edge` | a start that takes its time, panics and traps beside calls in flight, work after the answer, queues, schedules |
//! | `bound` | every kind of binding, one of them to the other group |
//! | `kept` | sessions in a KV namespace and in a D1 database, keys of tokens that are fetched |

pub mod bound;
pub mod callers;
pub mod faults;
pub mod keys;
pub mod sessions;
pub mod work;

use bound::use_all;
use callers::{message_caller, send_parcel, take_parcel, user};
use faults::{overflow, panic_late, panic_now, read_all, wait};
use keys::{fetched, whose};
use pikku::{
    App, Queue, Selection,
    http::{get, post},
};
use sessions::{cases, holds};
use work::{fill, hourly, nightly};

/// Everything without bindings.
#[derive(Debug, pikku::Group)]
pub struct Edge;

/// Everything with bindings.
#[derive(Debug, pikku::Group)]
pub struct Bound;

/// What keeps sessions, and fetches keys.
#[derive(Debug, pikku::Group)]
pub struct Kept;

/// The app.
pub fn app<S: Selection>() -> App<S> {
    App::new()
        .group::<Edge>(|g| {
            g.authenticate::<message_caller>()
                .http::<wait>(get("/wait/{ms}"))
                .http::<panic_now>(get("/panic"))
                .http::<panic_late>(get("/panic-late"))
                .http::<overflow>(get("/overflow"))
                .http::<read_all>(post("/read"))
                .queue::<fill>("boxes", Queue::batch(10).retries(2).retry_delay_s(1))
                .queue::<take_parcel>("parcels", Queue::batch(10).retries(0))
                .cron::<nightly>("0 3 * * *")
                .cron::<hourly>("0 * * * *")
        })
        .group::<Bound>(|g| {
            g.authenticate::<user>().http::<use_all>(post("/bindings/{key}")).http::<send_parcel>(post("/parcels"))
        })
        .group::<Kept>(|g| {
            g.http::<cases>(get("/cases"))
                .http::<holds>(post("/cases/{store}/{case}"))
                .http::<whose>(post("/whose"))
                .http::<fetched>(post("/fetched"))
        })
}
