//! An app for the whole-system tests: it takes its time, fails on request and shows what it was given.

pub mod kept;
pub mod sends;
pub mod shown;
pub mod tasks;
pub mod text;

use kept::guess;
use pikku::{
    App, Queue, Selection,
    http::{get, post},
};
use sends::{hand_on, pass_on, user};
use shown::{find, given, name, overlap, show};
use tasks::{work, work_in_order};
use text::count;

/// What it was given over HTTP.
#[derive(Debug, pikku::Group)]
pub struct Shown;

/// Messages that take their time.
#[derive(Debug, pikku::Group)]
pub struct Work;

/// A function that sends to the queues of the work.
#[derive(Debug, pikku::Group)]
pub struct Sends;

/// Secrets that it was handed.
#[derive(Debug, pikku::Group)]
pub struct Kept;

/// A function that can be built with one more call in it.
#[derive(Debug, pikku::Group)]
pub struct Text;

/// The app.
pub fn app<S: Selection>() -> App<S> {
    App::new()
        .group::<Shown>(|g| {
            g.http::<show>(post("/orders"))
                .http::<name>(get("/items/{id}"))
                .http::<find>(get("/find"))
                .http::<overlap>(post("/overlap"))
                .http::<given>(get("/given"))
        })
        .group::<Work>(|g| {
            g.queue::<work>("work", Queue::batch(10)).queue::<work_in_order>("in-order", Queue::batch(10).fifo())
        })
        .group::<Sends>(|g| {
            g.authenticate::<user>().http::<pass_on>(post("/pass-on")).http::<hand_on>(post("/hand-on"))
        })
        .group::<Kept>(|g| g.http::<guess>(post("/guess")))
        .group::<Text>(|g| g.http::<count>(post("/count")))
}
