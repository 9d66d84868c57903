//! Remote procedure calls that a Worker makes of a Worker, in workerd.

use pikku_local_workers::{LocalWorkers, Request};
use pikku_tests::{tool, worker};
use serde_json::{Value, json};
use std::{net::SocketAddr, time::Duration};
use tokio::net::{TcpListener, TcpStream};

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// A way to an address that is told later: a Worker is told where it is itself before it is anywhere.
struct Way {
    listener: TcpListener,
}

impl Way {
    async fn new() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.expect("a port") }
    }

    fn url(&self) -> String {
        format!("http://{}", self.listener.local_addr().expect("an address"))
    }

    /// Leads there, until the test's runtime ends.
    fn leads_to(self, address: SocketAddr) {
        tokio::spawn(async move {
            while let Ok((mut here, _)) = self.listener.accept().await {
                tokio::spawn(async move {
                    let Ok(mut there) = TcpStream::connect(address).await else { return };
                    // Either end may go away.
                    let _ = tokio::io::copy_bidirectional(&mut here, &mut there).await;
                });
            }
        });
    }
}

async fn started(url: &str) -> LocalWorkers {
    let workers = LocalWorkers::bundle(worker("edge", "kept")).app(tool("npm")).variable("PARCELS_URL", url);
    workers.start().await.unwrap_or_else(|why| panic!("the Workers do not start: {why}"))
}

/// The status and the body of an answer to whoever has these scopes.
async fn ask(workers: &LocalWorkers, scopes: &str, id: u32) -> (u16, Value) {
    let request = Request::new("POST", "/parcels/asked").header("Content-Type", "application/json");
    let request = request.header("X-User", "ada").header("X-Scopes", scopes).header("traceparent", TRACE);
    let answer = workers.fetch(workers.first(), request.body(json!({ "id": id }).to_string())).await;
    let answer = answer.unwrap_or_else(|why| panic!("no answer: {why}"));
    (answer.status, serde_json::from_slice(&answer.body).unwrap_or_default())
}

/// Waits for a line of the log, which comes by another way than answers.
async fn until_logged(workers: &LocalWorkers, text: &str) {
    let has = |workers: &LocalWorkers| workers.logs().iter().any(|line| line.message.contains(text));
    assert!(workers.wait(Duration::from_secs(10), has).await, "{text}: {:?}", workers.logs());
}

#[tokio::test]
async fn a_worker_calls_another_as_its_own_caller() {
    let way = Way::new().await;
    let workers = started(&way.url()).await;
    way.leads_to(workers.address(workers.first()).expect("its address"));
    let (status, known) = ask(&workers, "parcels", 7).await;
    assert_eq!(status, 200, "{known} {:?}", workers.logs());
    assert_eq!((&known["id"], &known["of"], &known["trace"]), (&json!(7), &json!("ada"), &json!(TRACE)));
    assert!((1..=1_000).contains(&known["left_ms"].as_u64().unwrap_or_default()), "{known}");
    // Who may not, what is not there, and what is more than is taken.
    for (scopes, id, code, why) in [
        ("letters", 7, "remote_refused", "403 insufficient_scope"),
        ("parcels", 404, "remote_refused", "404 no_such_parcel: there is no such parcel"),
        ("parcels", 2_000, "remote_not_understood", "more than 1024 octets"),
    ] {
        let (status, problem) = ask(&workers, scopes, id).await;
        assert_eq!((status, problem["code"].as_str()), (502, Some(code)), "{problem}");
        until_logged(&workers, why).await;
    }
    workers.shutdown().await;
}

#[tokio::test]
async fn a_peer_that_is_away_or_silent_is_told() {
    let silent = Way::new().await;
    let workers = started(&silent.url()).await;
    // It takes connections and says nothing.
    let (status, problem) = ask(&workers, "parcels", 7).await;
    assert_eq!((status, problem["code"].as_str()), (504, Some("remote_late")), "{problem} {:?}", workers.logs());
    drop(silent);
    let (status, problem) = ask(&workers, "parcels", 7).await;
    assert_eq!((status, problem["code"].as_str()), (503, Some("remote_unreachable")), "{problem} {:?}", workers.logs());
    workers.shutdown().await;
}
