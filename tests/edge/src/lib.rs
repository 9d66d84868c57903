//! The app of the tests of Cloudflare Workers.
//!
//! | group | what it shows |
//! |---|---|
//! | `edge` | a start that takes its time, panics and traps beside calls in flight, clients that go away, work after the answer, queues, schedules |
//! | `bound` | every kind of binding, one of them to the other group |
//! | `kept` | sessions in a KV namespace and in a D1 database, rates and results in a D1 database, keys of tokens that are fetched, remote procedure calls |

pub mod bound;
pub mod callers;
pub mod calls;
pub mod faults;
pub mod gone;
pub mod keys;
pub mod limits;
pub mod sessions;
pub mod work;

use bound::use_all;
use callers::{message_caller, send_parcel, take_parcel, user};
use calls::{ask_for_parcel, parcel_of};
use faults::{overflow, panic_late, panic_now, read_all, wait};
use gone::{One, hold, hold_endlessly};
use keys::{fetched, whose};
use limits::{Payments, TwoADay, limit_cases, limit_holds, limited, pay};
use pikku::{
    App, Queue, Selection,
    http::{get, post},
};
use pikku_middleware::{ConcurrencyLimit, Idempotency, RateLimit, RequestId};
use sessions::{cases, holds};
use work::{fill, hourly, nightly};

/// Everything without bindings.
#[derive(Debug, pikku::Group)]
pub struct Edge;

/// Everything with bindings.
#[derive(Debug, pikku::Group)]
pub struct Bound;

/// What keeps sessions, rates and results, and fetches keys.
#[derive(Debug, pikku::Group)]
pub struct Kept;

/// The app.
pub fn app<S: Selection>() -> App<S> {
    App::new()
        .middleware::<RequestId>()
        .routes("/held/{ms}", |l| l.middleware::<ConcurrencyLimit<One>>())
        .routes("/limited", |l| l.middleware::<RateLimit<TwoADay>>())
        .routes("/payments", |l| l.middleware::<Idempotency<Payments>>())
        .group::<Edge>(|g| {
            g.authenticate::<message_caller>()
                .http::<wait>(get("/wait/{ms}"))
                .http::<panic_now>(get("/panic"))
                .http::<panic_late>(get("/panic-late"))
                .http::<overflow>(get("/overflow"))
                .http::<hold>(get("/held/{ms}"))
                .http::<hold_endlessly>(get("/held-endlessly"))
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
            g.authenticate::<user>()
                .http::<cases>(get("/cases"))
                .http::<holds>(post("/cases/{store}/{case}"))
                .http::<limit_cases>(get("/limit-cases"))
                .http::<limit_holds>(post("/limit-cases/{case}"))
                .http::<limited>(get("/limited"))
                .http::<pay>(post("/payments"))
                .http::<whose>(post("/whose"))
                .http::<fetched>(post("/fetched"))
                .authenticate::<message_caller>()
                .http::<ask_for_parcel>(post("/parcels/asked"))
                .rpc::<parcel_of>()
        })
}
