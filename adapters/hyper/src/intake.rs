//! Bodies on their way in: whole, and within limits.

use crate::share::{Part, Share};
use bytes::{Buf, Bytes};
use http_body::Body;
use http_body_util::BodyExt;
use pikku::{Problem, StatusCode};
use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::Poll,
    time::Duration,
};
use tokio::{
    task::yield_now,
    time::{sleep, timeout},
};

/// How long what is left of a refused body is read and thrown away before it is answered.
const LINGER: Duration = Duration::from_secs(1);

/// How much of a body is read before others have their turn: what comes as fast as it is taken would keep them waiting.
const TURN: usize = 128 << 10;

/// How much of the rest of a refused body is read before it is left alone for a while, and for how long: nothing of it is wanted,
/// so that it may take no more of the processor than 50 MiB a second do.
const REST: usize = 512 << 10;
const PAUSE: Duration = Duration::from_millis(10);

/// What bodies may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The octets of one.
    pub body: usize,
    /// The octets of all that are held at a time.
    pub bodies: usize,
    /// How long one may be on its way.
    pub time: Duration,
}

/// Takes bodies, and knows how many octets are held.
#[derive(Debug)]
pub struct Intake {
    limits: Limits,
    room: Share,
}

/// A body that was taken. It counts among those that are held until this is dropped.
#[derive(Debug, Default)]
pub struct Taken {
    /// All of it.
    pub octets: Bytes,
    /// Gives the room back when it is dropped.
    room: Option<Part>,
}

impl Intake {
    /// Nothing is held yet.
    pub fn new(limits: Limits) -> Self {
        let room = Share::new(limits.bodies);
        Self { limits, room }
    }

    /// All of a body. What is left of one that is refused is read before it is answered, for a client that is still sending would
    /// see its connection reset, and not the answer; unless `is_left`, as where the client sends it only when it is asked for
    /// (`Expect: 100-continue`) or the connection sees to it.
    ///
    /// # Errors
    ///
    /// The answer to a client whose body is too large, too slow or none, or for which there is no room.
    pub async fn take<B: Body>(&self, mut body: Pin<&mut B>, is_left: bool) -> Result<Taken, Problem> {
        if body.is_end_stream() {
            return Ok(Taken::default());
        }
        let taken = in_time(self.limits.time, self.read(body.as_mut())).await;
        let late = || Problem::new(StatusCode::new(408), "request_timeout", "the body did not arrive in time");
        let taken = taken.ok_or_else(late)?;
        if taken.is_err() && !is_left {
            let _ = timeout(LINGER, discard(body)).await;
        }
        taken
    }

    async fn read<B: Body>(&self, mut body: Pin<&mut B>) -> Result<Taken, Problem> {
        // What is declared to be too large is refused before it is held.
        if body.size_hint().lower() > self.limits.body as u64 {
            return Err(too_large());
        }
        let mut taken = Taken::default();
        // Most bodies are one piece, which is not copied.
        let (mut several, mut turn) = (Vec::new(), 0);
        #[allow(
            clippy::while_let_loop,
            reason = "that would hold the frame while others have their turn, and ask `Send` of it"
        )]
        loop {
            let Some(frame) = body.frame().await else { break };
            // What broke is the connection's matter; no text of it concerns who sent the request.
            let frame = frame.map_err(|_| Problem::malformed("the body ended early or is not well-formed"))?;
            let Ok(mut data) = frame.into_data() else { continue };
            let length = data.remaining();
            if length == 0 {
                continue;
            }
            if taken.octets.len() + several.len() + length > self.limits.body {
                return Err(too_large());
            }
            taken.make_room(&self.room, length)?;
            if taken.octets.is_empty() && several.is_empty() {
                taken.octets = data.copy_to_bytes(length);
                continue;
            }
            several.extend_from_slice(&std::mem::take(&mut taken.octets));
            several.extend_from_slice(&data.copy_to_bytes(length));
            turn += length;
            if turn > TURN {
                turn = 0;
                yield_now().await;
            }
        }
        if !several.is_empty() {
            taken.octets = several.into();
        }
        Ok(taken)
    }
}

/// What a future gives, unless it takes longer; nothing is timed where it is ready at once, as most bodies are.
async fn in_time<F: Future>(limit: Duration, future: F) -> Option<F::Output> {
    let (mut future, mut late) = (pin!(future), None);
    poll_fn(|context| {
        if let Poll::Ready(output) = future.as_mut().poll(context) {
            return Poll::Ready(Some(output));
        }
        late.get_or_insert_with(|| Box::pin(sleep(limit))).as_mut().poll(context).map(|()| None)
    })
    .await
}

/// Reads a body to its end, without haste, and keeps nothing of it.
async fn discard<B: Body>(mut body: Pin<&mut B>) {
    let mut turn = 0;
    loop {
        turn += match body.frame().await {
            Some(Ok(frame)) => frame.data_ref().map_or(0, Buf::remaining),
            _ => return,
        };
        if turn > REST {
            turn = 0;
            sleep(PAUSE).await;
        } else {
            yield_now().await;
        }
    }
}

fn too_large() -> Problem {
    Problem::too_large("the body is larger than this takes")
}

impl Taken {
    fn make_room(&mut self, room: &Share, length: usize) -> Result<(), Problem> {
        let made = match &mut self.room {
            Some(part) => part.grow(length),
            none => {
                *none = room.take(length);
                none.is_some()
            }
        };
        let none = || Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", "there is no room for the body now");
        if made { Ok(()) } else { Err(none()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{Full, StreamBody};
    use std::convert::Infallible;

    fn intake(body: usize, bodies: usize) -> Intake {
        Intake::new(Limits { body, bodies, time: Duration::from_secs(30) })
    }

    #[tokio::test]
    async fn a_body_is_taken_up_to_the_limit() {
        let intake = intake(4, 100);
        assert_eq!(intake.take(pin!(Full::new(Bytes::from("four"))), false).await.unwrap().octets, "four");
        let problem = intake.take(pin!(Full::new(Bytes::from("seven"))), false).await.unwrap_err();
        assert_eq!((problem.status().as_u16(), problem.code()), (413, "content_too_large"));
    }

    #[tokio::test]
    async fn bodies_share_the_room_until_they_are_dropped() {
        let intake = intake(8, 8);
        let first = intake.take(pin!(Full::new(Bytes::from("seven"))), false).await.unwrap();
        let problem = intake.take(pin!(Full::new(Bytes::from("four"))), false).await.unwrap_err();
        assert_eq!((problem.status().as_u16(), problem.code(), problem.retry()), (503, "overloaded", true));
        drop(first);
        assert_eq!(intake.take(pin!(Full::new(Bytes::from("four"))), false).await.unwrap().octets, "four");
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_given_up() {
        struct Never;
        impl Body for Never {
            type Data = Bytes;
            type Error = Infallible;

            fn poll_frame(
                self: std::pin::Pin<&mut Self>,
                _: &mut std::task::Context<'_>,
            ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
                std::task::Poll::Pending
            }
        }
        let begun = tokio::time::Instant::now();
        let problem = intake(8, 8).take(pin!(Never), false).await.unwrap_err();
        assert_eq!((problem.status().as_u16(), problem.code()), (408, "request_timeout"));
        assert_eq!(begun.elapsed(), Duration::from_secs(30));
    }

    /// A refused client that goes on for ever takes a bounded part of the processor.
    #[tokio::test(start_paused = true)]
    async fn what_is_refused_is_read_slowly_and_not_for_long() {
        struct Endless(usize);
        impl Body for Endless {
            type Data = Bytes;
            type Error = Infallible;

            fn poll_frame(
                mut self: std::pin::Pin<&mut Self>,
                _: &mut std::task::Context<'_>,
            ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
                self.0 += 1;
                std::task::Poll::Ready(Some(Ok(http_body::Frame::data(Bytes::from_static(&[0; 64 << 10])))))
            }
        }
        let begun = tokio::time::Instant::now();
        let mut body = pin!(Endless(0));
        let problem = intake(1 << 20, 1 << 30).take(body.as_mut(), false).await.unwrap_err();
        assert_eq!(problem.status().as_u16(), 413);
        assert_eq!(begun.elapsed(), LINGER);
        let piece = 64 << 10;
        let most = (1 << 20) / piece + (REST / piece + 1) * (LINGER.as_millis() / PAUSE.as_millis()) as usize;
        assert!(body.0 <= most + 16, "{} pieces", body.0);
    }

    #[tokio::test]
    async fn pieces_are_put_together() {
        let pieces =
            ["one ", "", "two ", "three"].map(|text| Ok::<_, Infallible>(http_body::Frame::data(Bytes::from(text))));
        let taken =
            intake(100, 100).take(pin!(StreamBody::new(Pieces(pieces.into_iter().collect()))), false).await.unwrap();
        assert_eq!(taken.octets, "one two three");
    }

    struct Pieces<T>(std::collections::VecDeque<T>);

    impl<T: Unpin> futures_core::Stream for Pieces<T> {
        type Item = T;

        fn poll_next(mut self: std::pin::Pin<&mut Self>, _: &mut std::task::Context<'_>) -> std::task::Poll<Option<T>> {
            std::task::Poll::Ready(self.0.pop_front())
        }
    }
}
