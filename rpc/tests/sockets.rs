//! Two services over sockets: what one function asks of another, and what becomes of it when time, peers or answers run out.

mod common;

use common::{Price, prices, seen, shop};
use pikku::{
    BoxError, BoxFuture, Engine, Platform,
    call::Context,
    http::{HttpRequest, Method},
    platform::{LogLine, OutgoingMessage},
};
use pikku_server::Server;
use serde_json::{Value, json};
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    sync::oneshot,
    task::JoinHandle,
    time::{sleep, timeout},
};

/// The service of prices, until it is stopped.
struct Running {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Running {
    async fn start() -> Self {
        Self::start_at("127.0.0.1:0").await
    }

    async fn start_at(address: impl ToString) -> Self {
        let (stop, asked) = oneshot::channel();
        let server = Server::new(prices()).address(address);
        let bound = server.until(async move { asked.await.unwrap_or_default() }).bind().await.unwrap();
        Self { address: bound.address(), stop: Some(stop), task: tokio::spawn(bound.serve()) }
    }

    async fn stop(mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        timeout(Duration::from_secs(10), self.task).await.expect("it ends").unwrap();
    }
}

/// The machine's own clock, with a variable or two.
#[derive(Debug)]
struct Machine {
    url: String,
    log: Mutex<Vec<String>>,
}

impl Platform for Machine {
    fn now_ms(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(sleep(duration))
    }

    fn env(&self, name: &str) -> Option<String> {
        (name == "PRICES_URL").then(|| self.url.clone())
    }

    fn send<'a>(&'a self, _: OutgoingMessage<'a>) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(std::future::ready(Err("there are no queues".into())))
    }

    fn log(&self, line: &LogLine<'_>) {
        self.log.lock().unwrap().push(line.detail.unwrap_or_default().to_owned());
    }
}

/// The shop, whose functions call what is at that address.
struct Shop {
    engine: Engine,
    machine: Arc<Machine>,
}

impl Shop {
    async fn at(address: SocketAddr) -> Self {
        let machine = Arc::new(Machine { url: format!("http://{address}"), log: Mutex::default() });
        let engine = Engine::start(shop(), Arc::clone(&machine) as Arc<dyn Platform>).await.unwrap();
        Self { engine, machine }
    }

    async fn ask(&self, path: &str, user: &str, scopes: &str, input: Value) -> (u16, Value) {
        let mut request = HttpRequest::new(Method::POST, path);
        let headers = [("content-type", "application/json"), ("x-user", user), ("x-scopes", scopes), ("x-key", "k")];
        for (name, value) in headers.into_iter().filter(|(_, value)| !value.is_empty()) {
            request.headers.append(name, value.as_bytes()).unwrap();
        }
        request.body = input.to_string().into();
        let answer = self.engine.http(request, Context::default()).await;
        let body = answer.body.collect(1 << 20).await.unwrap();
        (answer.status.as_u16(), serde_json::from_slice(&body).unwrap_or_default())
    }

    fn logged(&self) -> String {
        self.machine.log.lock().unwrap().pop().unwrap_or_default()
    }
}

fn code((status, body): &(u16, Value)) -> (u16, &str) {
    (*status, body["code"].as_str().unwrap_or_default())
}

#[tokio::test]
async fn a_function_calls_another_as_its_own_caller() {
    let prices = Running::start().await;
    let shop = Shop::at(prices.address).await;
    let item = |how: &str| json!({"sku": "tea", "how": how});
    for _ in 0..3 {
        let (status, body) = shop.ask("/sold", "sockets-ann", "prices", item("")).await;
        assert_eq!(status, 200, "{body} {}", shop.logged());
        assert_eq!(serde_json::from_value::<Price>(body).unwrap().for_whom, "sockets-ann");
    }
    assert_eq!(seen("sockets-ann").len(), 3);
    assert_eq!(code(&shop.ask("/sold-kindly", "sockets-ann", "orders", item("")).await), (403, "not_for_you"));
    assert_eq!(code(&shop.ask("/sold-kindly", "", "", item("")).await), (403, "not_for_you"));
    assert_eq!(code(&shop.ask("/sold-kindly", "sockets-ann", "prices", item("unknown")).await), (404, "no_such_thing"));
    assert_eq!(shop.ask("/discarded", "sockets-ann", "", item("")).await.0, 204);
    let failed = shop.ask("/sold", "sockets-ann", "prices", item("failing")).await;
    assert_eq!(code(&failed), (502, "remote_refused"));
    let told = format!("{failed:?} {}", shop.logged());
    assert!(!told.contains(common::PRIVATE), "{told}");
    // An answer that is larger than the shop takes.
    assert_eq!(code(&shop.ask("/sold", "sockets-ann", "prices", item("large")).await), (502, "remote_not_understood"));
    assert!(shop.logged().contains("more than 65536 octets"));
    assert_eq!(shop.ask("/sold", "sockets-ann", "prices", item("")).await.0, 200);
    prices.stop().await;
}

#[tokio::test]
async fn the_deadline_goes_along() {
    let prices = Running::start().await;
    let shop = Shop::at(prices.address).await;
    let left = |body: Value| body["cents"].as_u64().unwrap_or_default();
    let input = json!({"sku": "tea", "how": "left"});
    let (_, body) = shop.ask("/sold", "sockets-bob", "prices", input.clone()).await;
    assert!((5_000..=10_000).contains(&left(body)), "what the remote says");
    // On a busy machine the time may be over before the answer.
    let mut soon = 0;
    for _ in 0..20 {
        if soon == 0 {
            soon = left(shop.ask("/sold-soon", "sockets-bob", "prices", input.clone()).await.1);
        }
    }
    assert!((1..=200).contains(&soon), "what the call has left");
    // And where it is over, both ends have ended.
    let begun = Instant::now();
    let late = shop.ask("/sold-soon", "sockets-bob", "prices", json!({"sku": "late-tea", "how": "late"})).await;
    assert_eq!(late.0, 504);
    assert!(begun.elapsed() < Duration::from_secs(20));
    let dropped = timeout(Duration::from_secs(20), async {
        while seen("late-tea is dropped").is_empty() {
            sleep(Duration::from_millis(10)).await;
        }
    });
    dropped.await.expect("the function there goes on after its caller has gone");
    prices.stop().await;
}

#[tokio::test]
async fn a_remote_says_how_long_its_calls_take_at_the_most() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let shop = Shop::at(silent.local_addr().unwrap()).await;
    let begun = Instant::now();
    assert_eq!(code(&shop.ask("/nobody", "sockets-cid", "", Value::Null).await), (504, "remote_late"));
    assert!((500..20_000).contains(&begun.elapsed().as_millis()));
    assert!(shop.logged().contains("was not answered within 500ms"));
}

#[tokio::test]
async fn a_peer_that_is_down_is_told_and_used_again_when_it_is_back() {
    let prices = Running::start().await;
    let address = prices.address;
    let shop = Shop::at(address).await;
    let ask = || shop.ask("/sold", "sockets-dee", "prices", json!({"sku": "tea"}));
    assert_eq!(ask().await.0, 200);
    prices.stop().await;
    assert_eq!(code(&ask().await), (503, "remote_unreachable"));
    assert!(shop.logged().starts_with("the call of `price_of` of the service `prices` was not answered: "));
    let prices = Running::start_at(address).await;
    assert_eq!(ask().await.0, 200, "{}", shop.logged());
    prices.stop().await;
}

#[tokio::test]
async fn a_concurrent_duplicate_waits_or_is_told() {
    let prices = Running::start().await;
    let shop = Shop::at(prices.address).await;
    let demand = || shop.ask("/demands", "sockets-eve", "", json!({"sku": "eve-tea", "how": "late"}));
    let both = tokio::join!(demand(), demand());
    // One is done; the other is told that it goes on still.
    let refused = [&both.0, &both.1].into_iter().find(|answer| answer.0 != 200).expect("one is done twice");
    assert_eq!(code(refused), (503, "remote_unavailable"));
    assert!(shop.logged().contains("409 idempotency_key_in_use"));
    assert_eq!(demand().await, (200, json!(1)));
    assert_eq!(seen("eve-tea").len(), 1);
    prices.stop().await;
}

/// A peer that answers a connection so once, whatever it is asked.
async fn peer(answer: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (mut asked, mut piece) = (Vec::new(), [0; 1_024]);
            while !asked.ends_with(b"}") {
                match stream.read(&mut piece).await {
                    Ok(read) if read > 0 => asked.extend_from_slice(&piece[..read]),
                    _ => return,
                }
            }
            // Who has read enough may be gone.
            let _ = stream.write_all(answer).await;
        }
    });
    address
}

#[tokio::test]
async fn answers_that_break_off_or_lead_elsewhere_are_no_success() {
    for (answer, due, why) in [
        (&b""[..], (503, "remote_unreachable"), "was not answered"),
        (b"nonsense\r\n\r\n", (503, "remote_unreachable"), "was not answered"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"cents\":", (502, "remote_not_understood"), "broke off"),
        (
            b"HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
            (502, "remote_not_understood"),
            "answered by 307",
        ),
    ] {
        let shop = Shop::at(peer(answer).await).await;
        let answered = shop.ask("/sold", "sockets-fay", "prices", json!({"sku": "tea"})).await;
        assert_eq!(code(&answered), due);
        let logged = shop.logged();
        assert!(logged.contains(why), "{why}: {logged}");
    }
}
