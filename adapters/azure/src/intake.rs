//! Bodies on their way in: whole, and within limits.

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use pikku::{Problem, StatusCode};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::time::timeout;

/// The most octets of a body: 100 MiB, as much as the host takes ("HTTP trigger", limits).
const BODY: usize = 100 << 20;

/// The most octets of all bodies that are held at a time.
const BODIES: usize = 256 << 20;

/// How long what is left of a refused body is read and thrown away before it is answered.
const LINGER: Duration = Duration::from_secs(1);

/// How many octets are held.
#[derive(Clone, Debug, Default)]
pub(crate) struct Intake(Arc<AtomicUsize>);

/// The room that a body takes, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Room {
    held: Arc<AtomicUsize>,
    octets: usize,
}

impl Drop for Room {
    fn drop(&mut self) {
        self.held.fetch_sub(self.octets, Ordering::Relaxed);
    }
}

impl Intake {
    /// All of a body.
    ///
    /// # Errors
    ///
    /// It is too large, breaks off, or there is no room for it.
    pub(crate) async fn take(&self, mut body: Incoming) -> Result<(Bytes, Room), Problem> {
        let mut room = Room { held: Arc::clone(&self.0), octets: 0 };
        if body.is_end_stream() {
            return Ok((Bytes::new(), room));
        }
        let taken = match fits(body.size_hint().lower()) {
            Ok(()) => read(&mut body, &mut room).await,
            Err(problem) => Err(problem),
        };
        if taken.is_err() {
            // A host that is still sending would see its connection reset, and not the answer.
            let _ = timeout(LINGER, async { while let Some(Ok(_)) = body.frame().await {} }).await;
        }
        Ok((taken?, room))
    }
}

async fn read(body: &mut Incoming, room: &mut Room) -> Result<Bytes, Problem> {
    // Most bodies are one piece, which is not copied.
    let (mut one, mut several) = (Bytes::new(), Vec::new());
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::malformed("the body ended early or is not well-formed"))?;
        let Ok(data) = frame.into_data() else { continue };
        room.octets += data.len();
        let held = room.held.fetch_add(data.len(), Ordering::Relaxed) + data.len();
        fits(room.octets as u64)?;
        if held > BODIES {
            return Err(Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "overloaded",
                "there is no room for the body now",
            ));
        }
        if one.is_empty() && several.is_empty() {
            one = data;
            continue;
        }
        several.extend_from_slice(&std::mem::take(&mut one));
        several.extend_from_slice(&data);
    }
    Ok(if several.is_empty() { one } else { several.into() })
}

fn fits(octets: u64) -> Result<(), Problem> {
    if octets > BODY as u64 { Err(Problem::too_large("the body is larger than this takes")) } else { Ok(()) }
}
