//! Azurite, Microsoft's own emulator of storage, which checks each signature.

use super::{Variables, connection};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http_body_util::Full;
use hyper::{Request, StatusCode, Uri};
use pikku_https::{Answer, Client};
use ring::hmac;
use std::{
    path::PathBuf,
    process::Stdio,
    time::{Duration, SystemTime},
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

/// Ends when this is dropped.
pub(super) struct Azurite {
    endpoint: String,
    client: Client,
    key: connection::Key,
    _process: Child,
}

impl Azurite {
    pub(super) async fn start() -> Self {
        let tools = std::env::var_os("PIKKU_TOOLS").map(PathBuf::from);
        let tools =
            tools.expect("PIKKU_TOOLS names the tools that `cargo xtask tools` installs; `cargo xtask test` sets it");
        let mut process = Command::new(tools.join("azurite/node_modules/.bin/azurite-queue"))
            .args(["--skipApiVersionCheck", "--inMemoryPersistence", "--disableTelemetry", "--queuePort", "0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("Azurite starts; `cargo xtask tools` installs it");
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let listening = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if let Some((_, address)) = line.split_once("listens on ") {
                    return address.trim().to_owned();
                }
            }
            panic!("Azurite ended");
        };
        let address = timeout(Duration::from_secs(60), listening).await.expect("Azurite listens");
        // It writes a line for each request, and ends where nobody reads them.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let endpoint = format!("{address}/devstoreaccount1");
        let client = Client::new(&address.parse::<Uri>().unwrap(), Duration::from_secs(10), "NONE").unwrap();
        let (_, key) = connection::storage("UseDevelopmentStorage=true").unwrap();
        Self { endpoint, client, key, _process: process }
    }

    pub(super) fn connection_string(&self) -> String {
        let key = STANDARD.encode(&self.key.secret);
        format!("AccountName=devstoreaccount1;AccountKey={key};QueueEndpoint={}", self.endpoint)
    }

    /// The variables of a sender to that queue.
    pub(super) fn variables(&self, queue: &str) -> Variables {
        Variables::queue(&format!("{}/{queue}", self.endpoint)).with("AzureWebJobsStorage", self.connection_string())
    }

    pub(super) async fn create(&self, queue: &str) {
        let answer = self.ask("PUT", &format!("/devstoreaccount1/{queue}"), &[]).await;
        assert_eq!(answer.status, StatusCode::CREATED);
    }

    /// The messages that can be seen, which are hidden by that.
    pub(super) async fn receive(&self, queue: &str) -> Vec<String> {
        let path = format!("/devstoreaccount1/{queue}/messages");
        let answer = self.ask("GET", &path, &[("numofmessages", "32"), ("visibilitytimeout", "600")]).await;
        assert_eq!(answer.status, StatusCode::OK);
        let text = String::from_utf8(answer.body.to_vec()).unwrap();
        assert!(!text.contains("<ExpirationTime>Mon, 01 Jan 0001"), "{text}");
        let texts = text.split("<MessageText>").skip(1).map(|rest| rest.split("</MessageText>").next().unwrap());
        texts.map(|text| String::from_utf8(STANDARD.decode(text).unwrap()).unwrap()).collect()
    }

    async fn ask(&self, method: &str, path: &str, query: &[(&str, &str)]) -> Answer {
        let date = httpdate::fmt_http_date(SystemTime::now());
        let resource: String = query.iter().map(|(name, value)| format!("\n{name}:{value}")).collect();
        let text = format!(
            "{method}\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:{date}\nx-ms-version:2021-12-02\n/devstoreaccount1{path}{resource}"
        );
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.key.secret);
        let signature = STANDARD.encode(hmac::sign(&key, text.as_bytes()));
        let query: Vec<String> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let host = self.endpoint.trim_start_matches("http://").split('/').next().unwrap();
        let request = Request::builder()
            .method(method)
            .uri(format!("{path}?{}", query.join("&")).trim_end_matches('?'))
            .header("host", host)
            .header("x-ms-date", &date)
            .header("x-ms-version", "2021-12-02")
            .header("authorization", format!("SharedKey devstoreaccount1:{signature}"))
            .body(Full::default())
            .unwrap();
        self.client.exchange(request).await.unwrap()
    }
}
