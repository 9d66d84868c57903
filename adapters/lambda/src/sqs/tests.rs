//! Sending to a server that answers, hangs or hangs up as the test tells it.

use super::{Sqs, settings::Target};
use pikku::platform::OutgoingMessage;
use serde_json::{Value, json};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    task::JoinHandle,
};

const SENT: Reply = Reply::Answer(200, r#"{"MessageId":"1","MD5OfMessageBody":"x"}"#);
const TOKEN: &str = "session-token-that-nobody-may-read";

/// What the server does with a request.
#[derive(Clone, Copy)]
enum Reply {
    Answer(u16, &'static str),
    Hang,
    HangUp,
}

/// One request as it came.
struct Seen {
    head: String,
    body: Value,
}

struct Server {
    address: String,
    connections: Arc<AtomicUsize>,
    requests: UnboundedReceiver<Seen>,
    task: JoinHandle<()>,
}

impl Server {
    /// A server that does one thing after the other, and the last for ever.
    async fn start(replies: &[Reply]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (sender, requests) = unbounded_channel();
        let connections = Arc::new(AtomicUsize::new(0));
        let (replies, counter, served) = (replies.to_vec(), Arc::clone(&connections), Arc::new(AtomicUsize::new(0)));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(serve(stream, replies.clone(), Arc::clone(&served), sender.clone()));
            }
        });
        Self { address, connections, requests, task }
    }

    fn target(&self, queue: &str) -> Target {
        let env = |name: &str| {
            Some(match name {
                "PIKKU_RESOURCES" => {
                    json!({ "queue:q": format!("https://sqs.eu-west-1.amazonaws.com/1/{queue}") }).to_string()
                }
                "AWS_ENDPOINT_URL_SQS" => format!("http://{}", self.address),
                "AWS_ACCESS_KEY_ID" => "AKID".to_owned(),
                "AWS_SECRET_ACCESS_KEY" => "secret-key-that-nobody-may-read".to_owned(),
                "AWS_SESSION_TOKEN" => TOKEN.to_owned(),
                _ => return None,
            })
        };
        Target::of("q", &env).unwrap()
    }

    /// The requests so far.
    fn seen(&mut self) -> Vec<Seen> {
        std::iter::from_fn(|| self.requests.try_recv().ok()).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, replies: Vec<Reply>, served: Arc<AtomicUsize>, seen: UnboundedSender<Seen>) {
    while let Some(request) = read(&mut stream).await {
        let reply = replies[served.fetch_add(1, Ordering::Relaxed).min(replies.len() - 1)];
        let _ = seen.send(request);
        match reply {
            Reply::Answer(status, body) => {
                let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
            Reply::Hang => std::future::pending().await,
            Reply::HangUp => return,
        }
    }
}

async fn read(stream: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
            let mut body = bytes.split_off(end + 4);
            while body.len() < length {
                stream.read_buf(&mut body).await.ok().filter(|read| *read > 0)?;
            }
            return Some(Seen { head, body: serde_json::from_slice(&body).unwrap() });
        }
        stream.read_buf(&mut bytes).await.ok().filter(|read| *read > 0)?;
    }
}

fn message(body: &str) -> OutgoingMessage<'_> {
    OutgoingMessage::new("q", body)
}

/// Runs a test whose attempts may take half a second.
fn run<F: Future<Output = ()>>(test: impl FnOnce(Sqs) -> F) {
    let mut sqs = Sqs::new();
    sqs.0.patience = Duration::from_millis(500);
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test(sqs));
}

#[test]
fn a_message_is_one_signed_request() {
    run(|sqs| async move {
        let mut server = Server::start(&[SENT]).await;
        sqs.deliver(&server.target("orders"), &message(r#"{"id":1}"#)).await.unwrap();
        let [Seen { head, body }] = &server.seen()[..] else { panic!("one request") };
        assert!(head.starts_with("post / http/1.1\r\n"), "{head}");
        for header in [
            &format!("host: {}", server.address),
            "content-type: application/x-amz-json-1.0",
            "x-amz-target: amazonsqs.sendmessage",
            &format!("x-amz-security-token: {TOKEN}"),
            "/eu-west-1/sqs/aws4_request",
            "signedheaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target",
        ] {
            assert!(head.contains(header), "{header} is not in {head}");
        }
        let url = "https://sqs.eu-west-1.amazonaws.com/1/orders";
        assert_eq!(*body, json!({"QueueUrl": url, "MessageBody": r#"{"id":1}"#}));
    });
}

#[test]
fn one_connection_carries_all() {
    run(|sqs| async move {
        let mut server = Server::start(&[SENT]).await;
        for _ in 0..5 {
            sqs.deliver(&server.target("orders"), &message("1")).await.unwrap();
        }
        assert_eq!((server.seen().len(), server.connections.load(Ordering::Relaxed)), (5, 1));
    });
}

#[test]
fn a_message_of_a_fifo_queue_keeps_its_id_over_attempts() {
    run(|sqs| async move {
        let mut server = Server::start(&[Reply::Answer(503, ""), SENT]).await;
        let target = server.target("ledger.fifo");
        sqs.deliver(&target, &message("1")).await.unwrap();
        sqs.deliver(&target, &message("1")).await.unwrap();
        let seen = server.seen();
        let ids: Vec<&str> = seen.iter().map(|seen| seen.body["MessageDeduplicationId"].as_str().unwrap()).collect();
        assert!(seen.iter().all(|seen| seen.body["MessageGroupId"] == "pikku"));
        assert_eq!((ids.len(), ids[0].len()), (3, 32));
        assert!(ids[0] == ids[1] && ids[1] != ids[2], "{ids:?}");
    });
}

#[test]
fn what_a_message_asks_for_is_asked_of_sqs() {
    run(|sqs| async move {
        let mut server = Server::start(&[SENT]).await;
        let attributes = [("traceparent", "00-1-2-01")];
        let mut asking = message("1");
        (asking.delay, asking.attributes) = (Duration::from_millis(1500), &attributes);
        asking.priority = 9;
        sqs.deliver(&server.target("orders"), &asking).await.unwrap();
        let mut in_order = message("2");
        (in_order.group, in_order.deduplication_id) = (Some("a"), Some("7"));
        sqs.deliver(&server.target("ledger.fifo"), &in_order).await.unwrap();
        let url = |name: &str| format!("https://sqs.eu-west-1.amazonaws.com/1/{name}");
        let bodies: Vec<Value> = server.seen().into_iter().map(|seen| seen.body).collect();
        assert_eq!(
            bodies,
            [
                json!({"QueueUrl": url("orders"), "MessageBody": "1", "DelaySeconds": 2, "MessageAttributes":
                    {"traceparent": {"DataType": "String", "StringValue": "00-1-2-01"}}}),
                json!({"QueueUrl": url("ledger.fifo"), "MessageBody": "2", "MessageGroupId": "a",
                    "MessageDeduplicationId": "7"}),
            ]
        );
    });
}

#[test]
fn what_sqs_has_not_is_an_error() {
    let ask = |queue: &'static str, change: fn(&mut OutgoingMessage<'_>), said: &'static str| {
        run(move |sqs| async move {
            let mut server = Server::start(&[SENT]).await;
            let mut asking = message("1");
            change(&mut asking);
            let error = sqs.deliver(&server.target(queue), &asking).await.unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
            assert!(server.seen().is_empty());
        });
    };
    ask("orders", |message| message.delay = Duration::from_secs(901), "15 minutes");
    ask("ledger.fifo", |message| message.delay = Duration::from_secs(1), "FIFO");
    ask("orders", |message| message.group = Some("a"), "`.fifo()`");
    ask("orders", |message| message.deduplication_id = Some("a"), "`.fifo()`");
}

#[test]
fn what_passes_is_tried_again() {
    const THROTTLED: Reply = Reply::Answer(400, r#"{"__type":"com.amazonaws.sqs#RequestThrottled","message":"slow"}"#);
    for first in [Reply::Answer(503, "no json"), Reply::Answer(429, ""), THROTTLED, Reply::Hang, Reply::HangUp] {
        run(|sqs| async move {
            let mut server = Server::start(&[first, first, SENT]).await;
            sqs.deliver(&server.target("orders"), &message("1")).await.unwrap();
            assert_eq!(server.seen().len(), 3);
        });
    }
}

#[test]
fn it_gives_up_after_three_attempts() {
    for (reply, said) in [
        (Reply::Answer(500, "{}"), "SQS answered, 3 times 500"),
        (Reply::Hang, "SQS could not be reached, 3 times: no answer within 500ms"),
        (Reply::HangUp, "SQS could not be reached, 3 times: "),
    ] {
        run(|sqs| async move {
            let mut server = Server::start(&[reply]).await;
            let error = sqs.deliver(&server.target("orders"), &message("1")).await.unwrap_err().to_string();
            assert!(error.starts_with(said), "{error}");
            assert_eq!(server.seen().len(), 3);
        });
    }
}

#[test]
fn nobody_there_is_an_error() {
    run(|sqs| async move {
        let target = {
            let server = Server::start(&[SENT]).await;
            server.target("orders")
        };
        tokio::task::yield_now().await;
        let error = sqs.deliver(&target, &message("1")).await.unwrap_err().to_string();
        assert!(error.starts_with("SQS could not be reached, 3 times: ") && error.contains("refused"), "{error}");
    });
}

#[test]
fn a_refusal_is_told_once_and_without_secrets() {
    const ABSENT: &str = r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"The queue does not exist."}"#;
    const SIGNATURE: &str =
        r#"{"__type":"com.amazon.coral.service#InvalidSignatureException","message":"signed x-amz-"}"#;
    const REPEATS: &str = r#"{"__type":"AccessDenied","message":"not for session-token-that-nobody-may-read"}"#;
    for (status, body, said) in [
        (400, ABSENT, "SQS answered 400 QueueDoesNotExist: The queue does not exist."),
        (403, SIGNATURE, "SQS answered 403 InvalidSignatureException"),
        (403, REPEATS, "SQS answered 403 AccessDenied"),
        (302, "<html>", "SQS answered 302"),
    ] {
        run(|sqs| async move {
            let mut server = Server::start(&[Reply::Answer(status, body)]).await;
            let error = sqs.deliver(&server.target("orders"), &message("1")).await.unwrap_err();
            assert_eq!(error.to_string(), said);
            assert!(!format!("{error:?}").contains("nobody-may-read"), "{error:?}");
            assert_eq!(server.seen().len(), 1);
        });
    }
}
