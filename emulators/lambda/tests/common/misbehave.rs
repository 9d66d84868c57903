//! A bootstrap that does what the event says, good or bad. It speaks HTTP by hand, so that it can break the protocol
//! where a decent client cannot.

use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    env,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

/// How many invocations have come to meet others.
static ARRIVED: AtomicUsize = AtomicUsize::new(0);

/// Runs until the platform ends the process; returns at once when no platform started it.
pub(crate) fn main() {
    let Ok(api) = env::var("AWS_LAMBDA_RUNTIME_API") else { return };
    println!(); // ends the line that the test harness has begun
    match env::var("MISBEHAVE").as_deref() {
        Ok("crash") => process::exit(3),
        Ok("sleep") => thread::sleep(Duration::from_secs(60)),
        Ok("error") => {
            let report = json!({"errorType": "App.NoDatabase", "errorMessage": "the database is gone"});
            let status = Client::new(&api).post("/2018-06-01/runtime/init/error", &[], report.to_string().as_bytes());
            println!("init error {status}");
            process::exit(1);
        }
        Ok("error-and-stay") => {
            let report = json!({"errorType": "App.NoDatabase", "errorMessage": "the database is gone"});
            Client::new(&api).post("/2018-06-01/runtime/init/error", &[], report.to_string().as_bytes());
            thread::sleep(Duration::from_secs(60));
        }
        _ => {}
    }
    let workers: usize = env::var("AWS_LAMBDA_MAX_CONCURRENCY").ok().and_then(|n| n.parse().ok()).unwrap_or(1);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| work(&api));
        }
    });
}

fn work(api: &str) {
    let mut client = Client::new(api);
    loop {
        let (status, headers, event) = client.call("GET", "/2018-06-01/runtime/invocation/next", &[], b"");
        if status != 200 {
            println!("next {status}");
            process::exit(4);
        }
        let id = headers["lambda-runtime-aws-request-id"].clone();
        let event: Value = serde_json::from_slice(&event).unwrap_or(json!({"do": "raw", "bytes": event}));
        obey(&mut client, api, &id, &headers, &event);
    }
}

fn obey(client: &mut Client, api: &str, id: &str, headers: &BTreeMap<String, String>, event: &Value) {
    let response = format!("/2018-06-01/runtime/invocation/{id}/response");
    let millis = Duration::from_millis(event["ms"].as_u64().unwrap_or(0));
    match event["do"].as_str().unwrap_or("echo") {
        "seen" => {
            let variables: BTreeMap<String, String> = env::vars().collect();
            let seen = json!({
                "headers": headers,
                "env": variables,
                "cwd": env::current_dir().expect("a folder"),
                "words": std::fs::read_to_string("data/words.txt").expect("the words"),
                "pid": process::id(),
                "now_ms": std::time::SystemTime::UNIX_EPOCH.elapsed().expect("a time").as_millis(),
            });
            client.post(&response, &[], seen.to_string().as_bytes());
        }
        "env" => {
            let variables: BTreeMap<String, String> = env::vars().collect();
            client.post(&response, &[], json!(variables).to_string().as_bytes());
        }
        "pid" => {
            thread::sleep(millis);
            client.post(&response, &[], json!(process::id()).to_string().as_bytes());
        }
        "meet" => {
            // Answers only once as many invocations as it says are here at the same time.
            let count = usize::try_from(event["count"].as_u64().unwrap_or(1)).expect("a count");
            ARRIVED.fetch_add(1, Ordering::SeqCst);
            while ARRIVED.load(Ordering::SeqCst) < count {
                thread::sleep(Duration::from_millis(1));
            }
            client.post(&response, &[], json!(process::id()).to_string().as_bytes());
        }
        "sleep" => {
            println!("sleeping {}", process::id());
            thread::sleep(millis);
            let status = client.post(&response, &[], b"\"slept\"");
            println!("response {status}");
        }
        "error" => {
            let error = format!("/2018-06-01/runtime/invocation/{id}/error");
            let report = json!({"errorType": "App.OutOfStock", "errorMessage": "none left", "stackTrace": ["here"]});
            let header = [("Lambda-Runtime-Function-Error-Type", "unhandled")];
            client.post(&error, &header, report.to_string().as_bytes());
        }
        "exit" => process::exit(i32::try_from(event["code"].as_i64().unwrap_or(0)).unwrap_or(0)),
        "abort" => process::abort(),
        "big" => {
            let size = usize::try_from(event["bytes"].as_u64().expect("bytes")).expect("a size");
            let status = client.post(&response, &[], &vec![b'1'; size]);
            println!("response {status}");
        }
        "twice" => {
            let first = client.post(&response, &[], b"1");
            let second = client.post(&response, &[], b"2");
            println!("statuses {first} {second}");
        }
        "strange" => {
            let unknown = client.post("/2018-06-01/runtime/invocation/none/response", &[], b"1");
            let wrong = client.post(&response, &[("Lambda-Runtime-Invocation-Id", "none")], b"1");
            let (busy, ..) = client.call("GET", "/2018-06-01/runtime/invocation/next", &[], b"");
            let late_init = client.post("/2018-06-01/runtime/init/error", &[], b"{}");
            let nowhere = client.post("/2018-06-01/runtime/elsewhere", &[], b"");
            let (telemetry, ..) = client.call("PUT", "/2022-07-01/telemetry", &[], b"{}");
            let statuses = json!([unknown, wrong, busy, late_init, nowhere, telemetry]);
            let echoed = [("Lambda-Runtime-Invocation-Id", headers["lambda-runtime-invocation-id"].as_str())];
            client.post(&response, &echoed, statuses.to_string().as_bytes());
        }
        "stop-polling" => {
            client.post(&response, &[], b"\"answered\"");
            thread::sleep(Duration::from_secs(60));
        }
        "stream" => stream(api, &response, event),
        "leave-a-child" => {
            let child = process::Command::new("sleep").arg("60").spawn().expect("a child");
            println!("child {}", child.id());
            process::exit(1);
        }
        _ => {
            client.post(&response, &[], event.to_string().as_bytes());
        }
    }
}

/// Sends the chunks of the event, each in a packet of its own, on a connection of its own.
fn stream(api: &str, path: &str, event: &Value) {
    let mut socket = TcpStream::connect(api).expect("a connection");
    socket.set_nodelay(true).expect("an option");
    let content_type = event["type"].as_str().unwrap_or("application/vnd.awslambda.http-integration-response");
    write!(
        socket,
        "POST {path} HTTP/1.1\r\nHost: {api}\r\nTransfer-Encoding: chunked\r\nContent-Type: {content_type}\r\n\
         Lambda-Runtime-Function-Response-Mode: streaming\r\n\
         Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n\r\n"
    )
    .expect("the head");
    for chunk in event["chunks"].as_array().expect("chunks") {
        let chunk = chunk.as_str().expect("text");
        write!(socket, "{:x}\r\n{chunk}\r\n", chunk.len()).expect("a chunk");
        socket.flush().expect("sent");
        thread::sleep(Duration::from_millis(event["ms"].as_u64().unwrap_or(2)));
    }
    match event["end"].as_str().unwrap_or("well") {
        "break" => return,
        "exit" => process::exit(1),
        "hang" => thread::sleep(Duration::from_secs(60)),
        "error" => write!(
            socket,
            "0\r\nLambda-Runtime-Function-Error-Type: App.Broken\r\n\
             Lambda-Runtime-Function-Error-Body: \
             eyJlcnJvclR5cGUiOiJBcHAuQnJva2VuIiwiZXJyb3JNZXNzYWdlIjoib2gifQ==\r\n\r\n"
        )
        .expect("the trailers"),
        _ => socket.write_all(b"0\r\n\r\n").expect("the end"),
    }
    let (status, ..) = read_reply(&mut BufReader::new(socket)).expect("a reply");
    println!("stream {status}");
}

pub(crate) struct Client {
    api: String,
    connection: BufReader<TcpStream>,
}

impl Client {
    pub(crate) fn new(api: &str) -> Self {
        let socket = TcpStream::connect(api).expect("a connection");
        socket.set_nodelay(true).expect("an option");
        Self { api: api.into(), connection: BufReader::new(socket) }
    }

    fn post(&mut self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> u16 {
        self.call("POST", path, headers, body).0
    }

    fn call(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> (u16, BTreeMap<String, String>, Vec<u8>) {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n", self.api, body.len());
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += "\r\n";
        let socket = self.connection.get_mut();
        socket.write_all(&[head.as_bytes(), body].concat()).expect("sent");
        // The platform hangs up when it ends; then there is nothing left to do.
        read_reply(&mut self.connection).unwrap_or_else(|| process::exit(5))
    }
}

fn read_reply(connection: &mut BufReader<TcpStream>) -> Option<(u16, BTreeMap<String, String>, Vec<u8>)> {
    let mut line = String::new();
    connection.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let status = line.split(' ').nth(1)?.parse().ok()?;
    let mut headers = BTreeMap::new();
    loop {
        line.clear();
        connection.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let mut body = vec![0; headers.get("content-length")?.parse().ok()?];
    connection.read_exact(&mut body).ok()?;
    Some((status, headers, body))
}
