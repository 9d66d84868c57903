//! A queue of this machine for the demo: it takes SQS's `SendMessage` over HTTP and keeps the bodies in memory.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// The largest message that SQS takes is 1 MiB; a request holds little more.
const LARGEST: u64 = 2 * 1024 * 1024;

/// A queue that listens until the program ends.
#[derive(Debug)]
pub(crate) struct Queue {
    endpoint: String,
    sent: Arc<Mutex<Vec<String>>>,
}

impl Queue {
    /// Starts to listen on a free port of the loopback interface.
    pub(crate) fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let sent = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&sent);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if let Err(why) = stream.and_then(|stream| serve(stream, &shared)) {
                    eprintln!("warning: the queue could not serve a request: {why}");
                }
            }
        });
        Ok(Self { endpoint, sent })
    }

    /// Where it listens.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Takes what was sent since the last time.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.sent.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Answers one request and closes the connection.
fn serve(stream: TcpStream, sent: &Mutex<Vec<String>>) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut reader = BufReader::new(stream.try_clone()?.take(LARGEST));
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.split_once(':') else {
            if line.trim().is_empty() {
                break;
            }
            continue;
        };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let message: Value = serde_json::from_slice(&body)?;
    let text = message["MessageBody"].as_str().ok_or_else(|| io::Error::other("a request without a message"))?;
    sent.lock().unwrap_or_else(PoisonError::into_inner).push(text.to_owned());
    let answer = r#"{"MessageId":"demo","MD5OfMessageBody":"00000000000000000000000000000000"}"#;
    let length = answer.len();
    let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length:";
    (&stream).write_all(format!("{head} {length}\r\n\r\n{answer}").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_is_kept_until_it_is_taken() -> io::Result<()> {
        let queue = Queue::start()?;
        let mut stream = TcpStream::connect(queue.endpoint().trim_start_matches("http://"))?;
        let body = r#"{"QueueUrl":"q","MessageBody":"{\"id\":1}"}"#;
        write!(stream, "POST / HTTP/1.1\r\nhost: q\r\nContent-Length: {}\r\n\r\n{body}", body.len())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert_eq!(queue.take(), [r#"{"id":1}"#]);
        assert!(queue.take().is_empty());
        Ok(())
    }
}
