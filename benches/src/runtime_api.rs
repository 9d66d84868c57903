//! A Runtime API that does nothing but hand out one event again and again, so that nothing else is measured.

use crate::failure::Failure;
use std::{
    io::{self, BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::Duration,
};

/// A running API. Its threads end with the process that talks to it, or with this one.
#[derive(Debug)]
pub(crate) struct Replay {
    /// What `AWS_LAMBDA_RUNTIME_API` is to say.
    pub(crate) address: SocketAddr,
    drained: Receiver<()>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    event: Vec<u8>,
    left: usize,
    answers: usize,
    last: Vec<u8>,
    drained: Sender<()>,
}

impl Replay {
    /// Listens; the event will be handed out `count` times.
    pub(crate) fn start(event: &[u8], count: usize) -> Result<Self, Failure> {
        let listener = TcpListener::bind("127.0.0.1:0").map_err(Failure::system("listen"))?;
        let address = listener.local_addr().map_err(Failure::system("listen"))?;
        let (sender, drained) = channel();
        let state = State { event: event.to_vec(), left: count, answers: 0, last: Vec::new(), drained: sender };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                let state = Arc::clone(&shared);
                // A connection ends when its process is killed, which is how every run ends.
                thread::spawn(move || serve(&connection, &state));
            }
        });
        Ok(Self { address, drained, state })
    }

    /// Waits until the program asks for an event that there is not. `false` when it does not in time.
    pub(crate) fn wait(&self, patience: Duration) -> bool {
        self.drained.recv_timeout(patience).is_ok()
    }

    /// How many answers came, and the last of them.
    pub(crate) fn answers(&self) -> (usize, String) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (state.answers, String::from_utf8_lossy(&state.last).into_owned())
    }
}

fn serve(connection: &TcpStream, state: &Mutex<State>) -> io::Result<()> {
    connection.set_nodelay(true)?;
    let mut reader = BufReader::new(connection);
    let mut writer = connection;
    loop {
        let mut request = String::new();
        if reader.read_line(&mut request)? == 0 {
            return Ok(());
        }
        let body = body(&mut reader)?;
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        if !request.starts_with("GET") {
            state.answers += 1;
            state.last = body;
            writer.write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n")?;
        } else if state.left == 0 {
            // The program is left waiting; whether anyone still listens does not matter.
            let _ = state.drained.send(());
        } else {
            state.left -= 1;
            let head = format!(
                "HTTP/1.1 200 OK\r\nlambda-runtime-aws-request-id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\n\
                 lambda-runtime-deadline-ms: 9999999999999\r\nlambda-runtime-invoked-function-arn: \
                 arn:aws:lambda:eu-west-1:123456789012:function:bench\r\nlambda-runtime-trace-id: \
                 Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1\r\n\
                 content-type: application/json\r\ncontent-length: {}\r\n\r\n",
                state.event.len()
            );
            writer.write_all(&[head.as_bytes(), &state.event].concat())?;
        }
    }
}

/// Reads the headers and the body of a request.
fn body(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let (mut length, mut chunked) = (0, false);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim_end().to_ascii_lowercase();
        match line.split_once(':') {
            None => break,
            Some(("content-length", value)) => length = value.trim().parse().map_err(io::Error::other)?,
            Some(("transfer-encoding", value)) => chunked = value.trim() == "chunked",
            Some(_) => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    while chunked {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let size = usize::from_str_radix(line.trim_end(), 16).map_err(io::Error::other)?;
        let mut chunk = vec![0; size + 2];
        reader.read_exact(&mut chunk)?;
        body.extend_from_slice(&chunk[..size]);
        chunked = size > 0;
    }
    Ok(body)
}
