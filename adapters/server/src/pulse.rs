//! Whether a connection lives. hyper's own timeout is for heads of HTTP/1 alone, takes the time between two requests for part
//! of a head, and does not count while the version is being found out.

use crate::{linger::Linger, version::First};
use std::{
    future::{Future as _, poll_fn},
    io,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, sleep},
};

/// Not begun.
const NEVER: u64 = u64::MAX;

/// Begun since the connection was last looked after: the time is noted when it is, for mostly it is over by then.
const NOW: u64 = u64::MAX - 1;

/// What a connection does, for whoever ends those that do nothing.
#[derive(Debug)]
pub(crate) struct Pulse {
    begun: Instant,
    /// How many requests are being answered.
    active: AtomicUsize,
    /// When the last of them ended, or the client took what it had not been taking, in milliseconds from the beginning.
    last_ms: AtomicU64,
    /// Since when a head is coming, with the connection the first.
    head_ms: AtomicU64,
    /// Since when the client takes nothing.
    blocked_ms: AtomicU64,
    /// Whether a request was answered whose client may still send the rest of it.
    is_left: AtomicBool,
}

/// A request that is being answered.
#[derive(Debug)]
pub(crate) struct Beat(Arc<Pulse>);

impl Pulse {
    pub(crate) fn new() -> Self {
        let [last_ms, head_ms, blocked_ms] = [0, 0, NEVER].map(AtomicU64::new);
        Self {
            begun: Instant::now(),
            active: AtomicUsize::new(0),
            last_ms,
            head_ms,
            blocked_ms,
            is_left: AtomicBool::new(false),
        }
    }

    /// A request has begun: its head is there.
    pub(crate) fn beat(self: &Arc<Self>) -> Beat {
        self.head_ms.store(NEVER, Ordering::Relaxed);
        self.active.fetch_add(1, Ordering::Relaxed);
        Beat(Arc::clone(self))
    }

    /// Completes when a head has taken longer than the one time, or when for the other there was no request, or the client
    /// has taken nothing of what it is sent. To be polled whenever the connection has been.
    pub(crate) async fn stops(&self, head: Duration, idle: Duration) {
        let [head, idle] = [head, idle].map(|time| (time.as_millis() as u64).max(1));
        loop {
            match self.left(head, idle) {
                0 => return,
                // A head may begin meanwhile.
                left => self.wait(Duration::from_millis(left.min(head))).await,
            }
        }
    }

    /// Waits so long. A timer costs something each time it is polled, and a connection is for every request: this one is polled
    /// when it has rung.
    async fn wait(&self, time: Duration) {
        let mut timer = pin!(sleep(time));
        let mut alarm: Option<Arc<Alarm>> = None;
        poll_fn(|context| {
            if self.head_ms.load(Ordering::Relaxed) == NOW {
                // Only the connection's own task, which this is, reads.
                self.head_ms.store(self.now_ms(), Ordering::Relaxed);
            }
            let rings = match &alarm {
                Some(alarm) if alarm.task.will_wake(context.waker()) => alarm.has_rung.load(Ordering::Acquire),
                _ => true,
            };
            if !rings {
                return Poll::Pending;
            }
            let waker = Waker::from(Arc::clone(alarm.insert(Arc::new(Alarm::of(context.waker())))));
            timer.as_mut().poll(&mut Context::from_waker(&waker))
        })
        .await;
    }

    fn left(&self, head: u64, idle: u64) -> u64 {
        let load = |time: &AtomicU64| time.load(Ordering::Relaxed);
        let (since, limit) = match (load(&self.blocked_ms), load(&self.head_ms)) {
            (NEVER, _) if self.active.load(Ordering::Relaxed) > 0 => return idle,
            (NEVER, NEVER) => (load(&self.last_ms), idle),
            (NEVER, NOW) => return head,
            (NEVER, begun) => (begun, head),
            (blocked, _) => (blocked, idle),
        };
        since.saturating_add(limit).saturating_sub(self.now_ms())
    }

    /// Octets were read.
    fn read(&self) {
        if self.active.load(Ordering::Relaxed) == 0 {
            // The first of several counts.
            let _ = self.head_ms.compare_exchange(NEVER, NOW, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    fn now_ms(&self) -> u64 {
        self.begun.elapsed().as_millis() as u64
    }

    fn written(&self, polled: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if polled.is_pending() {
            // The first of several counts.
            let _ = self.blocked_ms.compare_exchange(NEVER, self.now_ms(), Ordering::Relaxed, Ordering::Relaxed);
        } else if self.blocked_ms.load(Ordering::Relaxed) != NEVER {
            self.blocked_ms.store(NEVER, Ordering::Relaxed);
            self.last_ms.store(self.now_ms(), Ordering::Relaxed);
        }
        polled
    }
}

/// A timer's waker that tells whether it was the timer.
#[derive(Debug)]
struct Alarm {
    has_rung: AtomicBool,
    task: Waker,
}

impl Alarm {
    fn of(task: &Waker) -> Self {
        Self { has_rung: AtomicBool::new(false), task: task.clone() }
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.has_rung.store(true, Ordering::Release);
        self.task.wake_by_ref();
    }
}

impl Beat {
    /// The rest of the request is not read: its client may still send it when it has been answered.
    pub(crate) fn leaves_the_rest(&self) {
        self.0.is_left.store(true, Ordering::Relaxed);
    }
}

impl Drop for Beat {
    fn drop(&mut self) {
        self.0.last_ms.store(self.0.now_ms(), Ordering::Relaxed);
        self.0.active.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connection whose octets are seen.
#[derive(Debug)]
pub(crate) struct Seen {
    stream: TcpStream,
    pulse: Arc<Pulse>,
    /// What was read to know the version of HTTP.
    pub(crate) first: First,
    linger: Option<Linger>,
}

impl Seen {
    pub(crate) fn new(stream: TcpStream, pulse: Arc<Pulse>) -> Self {
        Self { stream, pulse, first: First::default(), linger: None }
    }
}

impl AsyncRead for Seen {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        if !self.first.is_handed() {
            self.first.hand(buffer);
            if buffer.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
        }
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() == before {
            return polled;
        }
        self.pulse.read();
        // What is there is handed on, whether there is more yet or not.
        if polled.is_pending() { Poll::Ready(Ok(())) } else { polled }
    }
}

impl AsyncWrite for Seen {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, octets);
        self.pulse.written(polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.pulse.written(polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        ready!(Pin::new(&mut this.stream).poll_shutdown(context))?;
        if this.pulse.is_left.load(Ordering::Relaxed) {
            ready!(this.linger.get_or_insert_with(Linger::new).poll(&this.stream, context));
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: Duration = Duration::from_secs(30);
    const IDLE: Duration = Duration::from_secs(75);

    async fn stops_after(pulse: &Arc<Pulse>) -> u64 {
        let begun = Instant::now();
        pulse.stops(HEAD, IDLE).await;
        begun.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_without_a_request_stops() {
        let pulse = Arc::new(Pulse::new());
        pulse.read();
        assert_eq!(stops_after(&pulse).await, 30);
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_counts_from_the_end_of_a_request() {
        let pulse = Arc::new(Pulse::new());
        let beat = pulse.beat();
        let ends = async {
            sleep(Duration::from_secs(100)).await;
            pulse.read();
            drop(beat);
        };
        let ((), after) = tokio::join!(biased; ends, stops_after(&pulse));
        assert_eq!(after, 175);
    }

    #[tokio::test(start_paused = true)]
    async fn a_later_head_has_its_own_time() {
        let pulse = Arc::new(Pulse::new());
        drop(pulse.beat());
        let drips = async {
            for _ in 0..10 {
                sleep(Duration::from_secs(5)).await;
                pulse.read();
            }
        };
        // From the first octet, 5 s from the beginning.
        let ((), after) = tokio::join!(biased; drips, stops_after(&pulse));
        assert_eq!(after, 35);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_stops_its_connection() {
        let pulse = Arc::new(Pulse::new());
        let _beat = pulse.beat();
        sleep(Duration::from_secs(50)).await;
        let _ = pulse.written(Poll::Pending);
        sleep(Duration::from_secs(10)).await;
        let _ = pulse.written(Poll::Pending);
        assert_eq!(stops_after(&pulse).await, 65);
    }
}
