//! Which version of HTTP a client speaks. Without TLS nothing is negotiated: the first octets tell.
//!
//! They are handed on with those that come after them, in one piece. hyper's buffer is for 8 KiB, and one that finds part of a
//! head in it takes another 16 KiB for the rest; for as long as a connection lasts.

use crate::pulse::Seen;
use std::io;
use tokio::io::{AsyncReadExt as _, ReadBuf};

/// How a client begins that speaks HTTP/2 (RFC 9113, section 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A version of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// HTTP/1.1 or HTTP/1.0, or what is none.
    One,
    /// HTTP/2.
    Two,
}

/// The first octets of a connection, until they are handed on.
#[derive(Debug, Default)]
pub(crate) struct First {
    octets: [u8; PREFACE.len()],
    length: usize,
    handed: usize,
}

impl First {
    /// Hands on what there is room for.
    pub(crate) fn hand(&mut self, buffer: &mut ReadBuf<'_>) {
        let left = &self.octets[self.handed..self.length];
        let part = &left[..left.len().min(buffer.remaining())];
        buffer.put_slice(part);
        self.handed += part.len();
    }

    pub(crate) fn is_handed(&self) -> bool {
        self.handed == self.length
    }
}

impl Seen {
    /// Reads until it is known what the client speaks.
    pub(crate) async fn version(&mut self) -> io::Result<Version> {
        let mut first = First::default();
        let version = loop {
            let read = self.read(&mut first.octets[first.length..]).await?;
            first.length += read;
            match PREFACE.strip_prefix(&first.octets[..first.length]) {
                Some([]) => break Version::Two,
                Some(_) if read > 0 => {}
                _ => break Version::One,
            }
        };
        self.first = first;
        Ok(version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pulse::Pulse;
    use std::sync::Arc;
    use tokio::{
        io::AsyncWriteExt as _,
        net::{TcpListener, TcpStream},
    };

    async fn pair() -> (TcpStream, Seen) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        client.set_nodelay(true).unwrap();
        (client, Seen::new(listener.accept().await.unwrap().0, Arc::new(Pulse::new())))
    }

    /// What is found of a client that sends these pieces and no more, and what is read then.
    async fn found(pieces: &[&[u8]]) -> (Version, Vec<u8>) {
        let (mut client, mut seen) = pair().await;
        let sends = async {
            for piece in pieces {
                client.write_all(piece).await.unwrap();
                tokio::task::yield_now().await;
            }
            client.shutdown().await.unwrap();
        };
        let ((), version) = tokio::join!(biased; sends, seen.version());
        let mut read = Vec::new();
        seen.read_to_end(&mut read).await.unwrap();
        (version.unwrap(), read)
    }

    #[tokio::test]
    async fn the_first_octets_tell_and_are_not_lost() {
        let two = [&PREFACE[..], b"frames"].concat();
        let drip: Vec<&[u8]> = two.chunks(1).collect();
        assert_eq!(found(&[&two]).await, (Version::Two, two.clone()));
        assert_eq!(found(&drip).await, (Version::Two, two.clone()));
        for one in
            ["GET / HTTP/1.1\r\n\r\n", "PUT / HTTP/1.1\r\n\r\n", "PRI * HTTP/1.1\r\n\r\n", "P", "PRI * HTTP/2.0", ""]
        {
            let drip: Vec<&[u8]> = one.as_bytes().chunks(1).collect();
            assert_eq!(found(&[one.as_bytes()]).await, (Version::One, one.as_bytes().to_vec()));
            assert_eq!(found(&drip).await, (Version::One, one.as_bytes().to_vec()));
        }
    }

    #[tokio::test]
    async fn a_head_comes_in_one_piece() {
        let (mut client, mut seen) = pair().await;
        let head = b"GET /a/path/that/is/longer/than/the/preface HTTP/1.1\r\n\r\n";
        client.write_all(head).await.unwrap();
        assert_eq!(seen.version().await.unwrap(), Version::One);
        let mut buffer = [0; 100];
        let length = seen.read(&mut buffer).await.unwrap();
        assert_eq!(&buffer[..length], head);
        // And where there is less room than octets, in as many as that takes.
        let (mut client, mut seen) = pair().await;
        client.write_all(head).await.unwrap();
        assert_eq!(seen.version().await.unwrap(), Version::One);
        let mut all = Vec::new();
        while all.len() < head.len() {
            let length = seen.read(&mut buffer[..10]).await.unwrap();
            all.extend_from_slice(&buffer[..length]);
        }
        assert_eq!(all, head);
    }
}
