//! A server in the place of Service Bus and of the endpoint of an identity. It is strict about what the documents ask of a
//! request: a signature of the right resource that has not ended, or the token that was given last.

use super::Variables;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::hmac;
use serde_json::Value;
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

const KEY: &str = "plantedsecret7Qx-policy=";
const POLICY: &str = "send only";

/// What the server does with a message that it may take.
#[derive(Clone, Copy)]
pub(super) enum Reply {
    Answer(u16, &'static str),
    Hang,
    HangUp,
}

pub(super) const SENT: Reply = Reply::Answer(201, "");

/// One request as it came.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) target: String,
    headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// What the message says to the broker.
    pub(super) fn broker(&self) -> Value {
        serde_json::from_str(self.header("brokerproperties")).unwrap()
    }
}

#[derive(Default)]
struct State {
    connections: AtomicUsize,
    served: AtomicUsize,
    seen: Mutex<Vec<Seen>>,
    token: Mutex<String>,
}

pub(super) struct Server {
    address: String,
    state: Arc<State>,
    task: JoinHandle<()>,
}

impl Server {
    /// A server that does one thing after the other with messages, and the last for ever.
    pub(super) async fn start(replies: &[Reply]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let state = Arc::new(State::default());
        let (replies, shared, own) = (replies.to_vec(), Arc::clone(&state), address.clone());
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                shared.connections.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(serve(stream, replies.clone(), Arc::clone(&shared), own.clone()));
            }
        });
        Self { address, state, task }
    }

    pub(super) fn service_bus_string(&self) -> String {
        let address = &self.address;
        format!(
            "Endpoint=sb://{address};SharedAccessKeyName={POLICY};SharedAccessKey={KEY};UseDevelopmentEmulator=true;"
        )
    }

    /// The variables of a sender with a key.
    pub(super) fn service_bus(&self) -> Variables {
        Variables::queue(&format!("sb://{}/orders-1x", self.address))
            .with("AzureWebJobsServiceBus", self.service_bus_string())
    }

    /// Gives this token from now on; the endpoint that gives it.
    pub(super) fn identity(&self, token: &str) -> String {
        self.revoke(token);
        format!("http://{}/msi/token", self.address)
    }

    /// Takes no other token from now on.
    pub(super) fn revoke(&self, next: &str) {
        next.clone_into(&mut self.state.token.lock().unwrap());
    }

    /// The requests since the last time.
    pub(super) fn seen(&mut self) -> Vec<Seen> {
        std::mem::take(&mut *self.state.seen.lock().unwrap())
    }

    pub(super) fn connections(&self) -> usize {
        self.state.connections.load(Ordering::Relaxed)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, replies: Vec<Reply>, state: Arc<State>, address: String) {
    while let Some(request) = read(&mut stream).await {
        state.seen.lock().unwrap().push(request.clone());
        let token = state.token.lock().unwrap().clone();
        let reply = if request.target.starts_with("/msi/") {
            let ends = now() + 3600;
            (200, format!(r#"{{"access_token":"{token}","expires_on":"{ends}","token_type":"Bearer"}}"#))
        } else if !authorised(&request, &address, &token) {
            (
                401,
                "<Error><Code>401</Code><Detail>the signature of plantedsecret7Qx-policy is wrong</Detail></Error>"
                    .to_owned(),
            )
        } else {
            match replies[state.served.fetch_add(1, Ordering::Relaxed).min(replies.len() - 1)] {
                Reply::Answer(status, body) => (status, body.to_owned()),
                Reply::Hang => std::future::pending().await,
                Reply::HangUp => return,
            }
        };
        let (status, body) = reply;
        let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        stream.write_all(answer.as_bytes()).await.unwrap();
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn authorised(request: &Seen, address: &str, token: &str) -> bool {
    let given = request.header("authorization");
    if let Some(given) = given.strip_prefix("Bearer ") {
        return given == token;
    }
    let Some(parts) = given.strip_prefix("SharedAccessSignature ") else { return false };
    let part = |name: &str| {
        let value = parts.split('&').find_map(|part| part.strip_prefix(name)?.strip_prefix('=')).unwrap_or_default();
        (value, String::from_utf8(decoded(value)).unwrap())
    };
    let ((resource, uri), (_, signature), (_, ends), (_, policy)) = (part("sr"), part("sig"), part("se"), part("skn"));
    let key = hmac::Key::new(hmac::HMAC_SHA256, KEY.as_bytes());
    let signed = hmac::sign(&key, format!("{resource}\n{ends}").as_bytes());
    let in_time = ends.parse::<u64>().is_ok_and(|ends| (now()..now() + 3600).contains(&ends));
    in_time && policy == POLICY && uri == format!("sb://{address}/orders-1x") && STANDARD.encode(signed) == signature
}

fn decoded(text: &str) -> Vec<u8> {
    let mut octets = text.bytes();
    let mut decoded = Vec::new();
    while let Some(octet) = octets.next() {
        if octet == b'%' {
            let hex = [octets.next().unwrap(), octets.next().unwrap()];
            decoded.push(u8::from_str_radix(std::str::from_utf8(&hex).unwrap(), 16).unwrap());
        } else {
            decoded.push(octet);
        }
    }
    decoded
}

async fn read(stream: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
            let mut lines = head.lines();
            let target = lines.next()?.split(' ').nth(1)?.to_owned();
            let headers: Vec<(String, String)> = lines
                .filter_map(|line| line.split_once(": "))
                .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
                .collect();
            let mut body = bytes.split_off(end + 4);
            let length = headers
                .iter()
                .find(|(name, _)| name == "content-length")
                .map_or(0, |(_, length)| length.parse().unwrap());
            while body.len() < length {
                stream.read_buf(&mut body).await.ok().filter(|read| *read > 0)?;
            }
            return Some(Seen { target, headers, body: String::from_utf8(body).unwrap() });
        }
        stream.read_buf(&mut bytes).await.ok().filter(|read| *read > 0)?;
    }
}
