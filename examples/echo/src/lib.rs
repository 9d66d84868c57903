//! Functions that show what they see.
//!
//! One group, `echo`, is wired to every path and method of HTTP and to any queue, topic, stream, table, bucket,
//! schedule, event and WebSocket. An HTTP request is answered with what the function saw of it; every other call appends
//! a line of JSON to the file that the variable `ECHO_LOG` names; on Cloudflare Workers, which have no files, to the
//! console, after the word `ECHO`. It is the measure of an adapter: what a platform sent and what is shown must be the
//! same.

mod azure;
pub mod log;
pub mod message;
pub mod record;
pub mod request;
pub mod socket;
mod time;

use pikku::{Bucket, Cron, EventPattern, Queue, Stream, Table, Topic, WebSocket, http::any, wiring::Source};

use message::{show_event, show_notification, show_queue_message, show_schedule};
use record::{show_change, show_object, show_record};
use request::show_request;
use socket::show_socket;

/// The one group.
#[derive(Debug, pikku::Group)]
pub struct Echo;

/// The app.
pub fn app<S: pikku::Selection>() -> pikku::App<S> {
    pikku::App::new().group::<Echo>(|g| {
        g.http::<show_request>(any("/"))
            .http::<show_request>(any("/{*path}"))
            .queue::<show_queue_message>(Source::Any, Queue::default())
            .cron::<show_schedule>(Cron::any())
            .event::<show_notification>(Topic::any())
            .event::<show_object>(Bucket::any())
            .event::<show_change>(Table::any())
            .event::<show_record>(Stream::any())
            .event::<show_event>(EventPattern::any())
            .websocket::<show_socket>(WebSocket::any())
    })
}
