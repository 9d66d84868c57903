//! Key sets that a Worker fetches by its own `fetch`, in workerd, from an endpoint on this machine.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};
use pikku_local_workers::{LocalWorkers, Request, Response};
use pikku_tests::{tool, worker};
use serde_json::{Value, json};
use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

const NOW_MS: u64 = 1_790_000_000_000;
const MINUTE_MS: u64 = 60_000;

const KEYS: [(&str, Algorithm, &[u8]); 5] = [
    ("first", Algorithm::EdDSA, include_bytes!("../../auth/tests/keys/ed25519.der")),
    ("second", Algorithm::ES256, include_bytes!("../../auth/tests/keys/p256.der")),
    ("third", Algorithm::ES384, include_bytes!("../../auth/tests/keys/p384.der")),
    ("fourth", Algorithm::RS256, include_bytes!("../../auth/tests/keys/rsa.der")),
    ("fifth", Algorithm::PS512, include_bytes!("../../auth/tests/keys/rsa.der")),
];

fn private((_, algorithm, der): (&str, Algorithm, &[u8])) -> EncodingKey {
    match algorithm {
        Algorithm::EdDSA => EncodingKey::from_ed_der(der),
        Algorithm::ES256 | Algorithm::ES384 => EncodingKey::from_ec_der(der),
        _ => EncodingKey::from_rsa_der(der),
    }
}

/// A set of these keys.
fn set(keys: &[(&str, Algorithm, &[u8])]) -> Vec<u8> {
    let public = |key: &(&str, Algorithm, &[u8])| {
        let mut jwk = Jwk::from_encoding_key(&private(*key), key.1).expect("a public key");
        jwk.common.key_id = Some(key.0.to_owned());
        jwk
    };
    json!({ "keys": keys.iter().map(public).collect::<Vec<_>>() }).to_string().into_bytes()
}

fn token(key: (&str, Algorithm, &[u8]), subject: &str) -> String {
    let header = Header { kid: Some(key.0.to_owned()), ..Header::new(key.1) };
    let claims = json!({"iss": "https://id.example", "aud": "edge", "sub": subject, "exp": NOW_MS / 1_000 * 2});
    encode(&header, &claims, &private(key)).expect("a token")
}

/// How the endpoint answers.
#[derive(Clone)]
enum Answers {
    With(&'static str, Vec<u8>),
    /// It promises more than it sends.
    ThenSilence(Vec<u8>),
    /// The connection is closed at once.
    Nothing,
}

struct Endpoint {
    address: SocketAddr,
    answers: Arc<Mutex<Answers>>,
    asked: Arc<AtomicUsize>,
}

impl Endpoint {
    async fn start(answers: Answers) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (answers, asked) = (Arc::new(Mutex::new(answers)), Arc::new(AtomicUsize::new(0)));
        let (shared, count) = (Arc::clone(&answers), Arc::clone(&asked));
        // It ends with the test's runtime.
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (answer, count) = (shared.lock().expect("a lock").clone(), Arc::clone(&count));
                tokio::spawn(async move {
                    let (mut asked, mut piece) = (Vec::new(), [0; 1_024]);
                    while !asked.ends_with(b"\r\n\r\n") {
                        match stream.read(&mut piece).await {
                            Ok(read) if read > 0 => asked.extend_from_slice(&piece[..read]),
                            _ => return,
                        }
                    }
                    count.fetch_add(1, Ordering::SeqCst);
                    let (status, body, promised, holds) = match answer {
                        Answers::With(status, body) => (status, body.clone(), body.len(), false),
                        Answers::ThenSilence(body) => ("200 OK", body.clone(), body.len() + 1, true),
                        Answers::Nothing => return,
                    };
                    let head = format!(
                        "HTTP/1.1 {status}\r\nContent-Length: {promised}\r\nLocation: /elsewhere\r\nConnection: close\r\n\r\n"
                    );
                    // Who has read enough may be gone.
                    let _ = stream.write_all(&[head.as_bytes(), &body].concat()).await;
                    if holds {
                        tokio::time::sleep(Duration::from_secs(30)).await;
                    }
                });
            }
        });
        Self { address, answers, asked }
    }

    fn url(&self) -> String {
        format!("http://{}/keys", self.address)
    }

    fn answer(&self, answers: Answers) {
        *self.answers.lock().expect("a lock") = answers;
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn started(keys_url: &str) -> LocalWorkers {
    let workers = LocalWorkers::bundle(worker("edge", "kept")).app(tool("npm")).variable("KEYS_URL", keys_url);
    workers.start().await.unwrap_or_else(|why| panic!("the Workers do not start: {why}"))
}

async fn post(workers: &LocalWorkers, path: &str, body: Value) -> Response {
    let request = Request::new("POST", path).header("Content-Type", "application/json").body(body.to_string());
    workers.fetch(workers.first(), request).await.unwrap_or_else(|why| panic!("no answer: {why}"))
}

#[tokio::test]
async fn keys_are_fetched_kept_and_rotated() {
    let endpoint = Endpoint::start(Answers::With("200 OK", set(&KEYS[..1]))).await;
    let workers = started(&endpoint.url()).await;
    let whose = async |key, at_ms: u64| {
        let response = post(&workers, "/whose", json!({"token": token(key, "ada"), "at_ms": at_ms})).await;
        let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        (response.status, body["subject"].as_str().unwrap_or_default().to_owned())
    };
    let (known, refused) = ((200, "ada".to_owned()), (401, String::new()));
    assert_eq!(whose(KEYS[0], NOW_MS).await, known, "{:?}", workers.logs());
    assert_eq!((whose(KEYS[0], NOW_MS + 1).await, endpoint.asked()), (known.clone(), 1));
    // The issuer takes another key: the first token of it has them fetched anew, and then the old one is gone.
    assert_eq!(whose(KEYS[1], NOW_MS + MINUTE_MS).await, refused);
    endpoint.answer(Answers::With("200 OK", set(&KEYS[1..2])));
    assert_eq!((whose(KEYS[1], NOW_MS + 2 * MINUTE_MS).await, endpoint.asked()), (known.clone(), 3));
    assert_eq!(whose(KEYS[0], NOW_MS + 2 * MINUTE_MS).await, refused);
    // While the endpoint is down, what is known goes on for a day and no longer.
    endpoint.answer(Answers::Nothing);
    assert_eq!(whose(KEYS[1], NOW_MS + 60 * MINUTE_MS).await, known);
    assert_eq!(whose(KEYS[1], NOW_MS + 26 * 60 * MINUTE_MS).await, (503, String::new()));
    workers.shutdown().await;
}

#[tokio::test]
async fn every_kind_of_key_verifies_its_own() {
    let endpoint = Endpoint::start(Answers::With("200 OK", set(&KEYS))).await;
    let workers = started(&endpoint.url()).await;
    for key in KEYS {
        let good = token(key, "ada");
        let (signed, signature) = good.rsplit_once('.').expect("a signature");
        let other = if signature.starts_with('A') { "B" } else { "A" };
        let changed = format!("{signed}.{other}{}", &signature[1..]);
        for (token, status) in [(good.as_str(), 200), (&changed, 401)] {
            let answer = post(&workers, "/whose", json!({"token": token, "at_ms": NOW_MS})).await;
            assert_eq!(answer.status, status, "{:?}: {:?}", key.1, workers.logs());
        }
    }
    workers.shutdown().await;
}

#[tokio::test]
async fn what_is_no_document_is_an_error() {
    let endpoint = Endpoint::start(Answers::With("200 OK", b"{}".to_vec())).await;
    let workers = started(&endpoint.url()).await;
    let fetched = async |url: &str| {
        let response = post(&workers, "/fetched", json!({ "url": url })).await;
        let body: Value = serde_json::from_slice(&response.body).expect("JSON");
        (response.status, body["detail"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(fetched(&endpoint.url()).await.0, 200, "{:?}", workers.logs());
    let most = 256 * 1_024;
    endpoint.answer(Answers::With("200 OK", vec![b' '; most]));
    assert_eq!(fetched(&endpoint.url()).await.0, 200);
    for (answers, why) in [
        (Answers::With("200 OK", vec![b' '; most + 1]), "more than 262144 octets"),
        (Answers::With("200 OK", vec![b' '; 8 << 20]), "more than 262144 octets"),
        (Answers::With("200 OK", Vec::new()), "empty"),
        (Answers::With("302 Found", b"elsewhere".to_vec()), "it answered 302"),
        (Answers::With("500 Oh", b"{}".to_vec()), "it answered 500"),
        (Answers::Nothing, ""),
        (Answers::ThenSilence(b"{".to_vec()), "timeout"),
    ] {
        endpoint.answer(answers);
        let before = endpoint.asked();
        let (status, detail) = fetched(&endpoint.url()).await;
        assert_eq!(status, 503, "{why}: {detail}");
        assert!(detail.contains(why) && !detail.is_empty(), "{why}: {detail}");
        // The redirection was not followed.
        assert_eq!(endpoint.asked(), before + 1, "{why}");
    }
    for url in ["http://id.example/keys", "http://127.0.0.1.example/keys", "ftp://localhost/keys", "/keys", "localhost"]
    {
        let (status, detail) = fetched(url).await;
        assert!(status == 503 && (detail.contains("over https") || detail.contains("no URL")), "{url}: {detail}");
    }
    let nobody = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address");
    assert_eq!(fetched(&format!("http://{nobody}/keys")).await.0, 503);
    workers.shutdown().await;
}
