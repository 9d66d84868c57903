use std::time::Duration;

/// What a server takes at most. What is over a limit is refused with a response that says so, or closed where HTTP has none.
///
/// There may be more of them in a later version, so write `Limits { body: 1 << 20, ..Limits::default() }`.
///
/// What clients can make a server hold is at most `bodies`, and a `head` for each of the `connections` and `requests`.
///
/// [`AppService`](crate::AppService) keeps those of bodies, of requests and of the time of a request; those of connections, headers and
/// the time of an end are kept by [`Server`](crate::Server).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The octets of a body: 10 MiB. More is 413.
    pub body: usize,
    /// The octets of all bodies that are held at a time: 64 MiB. More is 503.
    pub bodies: usize,
    /// The requests at a time, over all connections: 5,000. More is 503.
    pub requests: usize,
    /// How long a request may take, its body included: 30 s. A body that is not there by then is 408, an answer 504. A
    /// streamed answer may go on for longer once it has begun.
    pub request_time: Duration,
    /// The octets of a request's head: 32 KiB, and at least 8 KiB. More is 431.
    pub head: usize,
    /// The headers of a request: 100. More is 431.
    pub headers: usize,
    /// How long the head of a request may take, on a new connection from its beginning: 30 s, and never longer than twice as
    /// much. The connection is closed then.
    pub head_time: Duration,
    /// How long a connection may go on between two requests, and how long a client may take none of the octets that it is
    /// sent: 75 s. Proxies keep connections for less, most of them for 60 s.
    pub idle_time: Duration,
    /// The connections at a time: 10,000. Others wait until one ends.
    pub connections: usize,
    /// The requests at a time on one connection of HTTP/2: 100. Others wait.
    pub streams: u32,
    /// How long requests may still take when the server is asked to stop: 25 s.
    pub drain_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 10 << 20,
            bodies: 64 << 20,
            requests: 5_000,
            request_time: Duration::from_secs(30),
            head: 32 << 10,
            headers: 100,
            head_time: Duration::from_secs(30),
            idle_time: Duration::from_secs(75),
            connections: 10_000,
            streams: 100,
            drain_time: Duration::from_secs(25),
        }
    }
}
