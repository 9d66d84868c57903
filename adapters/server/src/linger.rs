//! The end of a connection whose client is still sending (RFC 9112, section 9.6): it has been answered and is told that no more
//! will come, but closing at once would reset the connection, and it might never see the answer.

use std::{
    future::Future as _,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    net::TcpStream,
    time::{Instant, Sleep, sleep},
};

/// How long the client may take to see the answer and to end.
const LINGER: Duration = Duration::from_secs(2);

/// How much of the rest is read: clients that look for no answer until they have sent everything get it up to this size.
const MOST: usize = 16 << 20;

/// How much of it is read at a time, and how long the connection is left alone then: nothing of it is wanted, so that it may take no
/// more of the processor than 25 MiB a second do.
const TURN: usize = 128 << 10;
const PAUSE: Duration = Duration::from_millis(5);

/// Reads what is still sent, without haste, and keeps nothing of it.
#[derive(Debug)]
pub(crate) struct Linger {
    until: Instant,
    left: usize,
    timer: Pin<Box<Sleep>>,
}

impl Linger {
    pub(crate) fn new() -> Self {
        Self { until: Instant::now() + LINGER, left: MOST, timer: Box::pin(sleep(Duration::ZERO)) }
    }

    /// Completes when the client has ended, or has had its time.
    pub(crate) fn poll(&mut self, stream: &TcpStream, context: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.timer.as_mut().poll(context));
            if Instant::now() >= self.until {
                return Poll::Ready(());
            }
            let next = match self.turn(stream) {
                Ok(()) if self.left == 0 => self.until,
                Ok(()) => Instant::now() + PAUSE,
                Err(_) => return Poll::Ready(()),
            };
            self.timer.as_mut().reset(next);
        }
    }

    /// Reads what is there, up to so much. That it has ended is an error, too.
    fn turn(&mut self, stream: &TcpStream) -> io::Result<()> {
        let (mut octets, mut turn) = ([0; 8 << 10], TURN.min(self.left));
        while turn > 0 {
            let most = turn.min(octets.len());
            match stream.try_read(&mut octets[..most]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => {
                    turn -= read;
                    self.left -= read;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use tokio::{io::AsyncWriteExt as _, net::TcpListener};

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (client, listener.accept().await.unwrap().0)
    }

    async fn lingered(stream: &TcpStream) -> (usize, Duration) {
        let (mut linger, begun) = (Linger::new(), Instant::now());
        poll_fn(|context| linger.poll(stream, context)).await;
        (MOST - linger.left, begun.elapsed())
    }

    #[tokio::test]
    async fn a_client_that_ends_is_left() {
        let (mut client, server) = pair().await;
        client.write_all(&[b'a'; 1000]).await.unwrap();
        client.shutdown().await.unwrap();
        let (read, took) = lingered(&server).await;
        assert!(read == 1000 && took < LINGER, "{read} {took:?}");
    }

    /// A client that goes on for ever takes a bounded part of the processor and of the time.
    #[tokio::test]
    async fn one_that_goes_on_is_read_slowly_and_not_for_long() {
        let (mut client, server) = pair().await;
        let endless = async {
            let piece = vec![b'a'; 1 << 20];
            while client.write_all(&piece).await.is_ok() {}
        };
        let (read, took) = tokio::select! {
            lingered = lingered(&server) => lingered,
            () = endless => unreachable!("nobody ends the connection"),
        };
        assert!(read <= MOST && took >= LINGER, "{read} {took:?}");
    }
}
