//! Spans as a collector gets them: the server is a process of its own, this program again.

mod common;

use common::app;
use libtest_mimic::{Arguments, Failed, Trial};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
    trace::v1::{Span, span::SpanKind, status::StatusCode},
};
use pikku::{
    All, Group, Message as _, Problem, Queue as Wiring,
    http::post,
    service::{Queue, SendError},
};
use pikku_engines::{NewMessage, SqliteOutbox};
use prost::Message as _;
use rustix::process::{Pid, Signal, kill_process};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion, crypto,
    version::{TLS12, TLS13},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{
    env, fs,
    io::{self, BufRead as _, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, ExitCode, Stdio},
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// Set where this program is to be the server.
const SERVER: &str = "PIKKU_TEST_IS_SERVER";
const LIMIT: Duration = Duration::from_secs(30);
const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn main() -> ExitCode {
    if env::var_os(SERVER).is_some() {
        let app = app::<All>();
        // Without queues it makes no store.
        return pikku_server::run(match env::var_os("PIKKU_QUEUES") {
            Some(_) => app.group::<Jobs>(|g| {
                g.http::<send>(post("/jobs")).queue::<work>("jobs", Wiring::batch(1).retries(1).retry_delay_s(0))
            }),
            None => app,
        });
    }
    let tests = vec![
        test("a_request_is_a_span", a_request_is_a_span),
        test("a_message_is_a_span_below_that_of_its_sender", a_message_is_a_span_below_that_of_its_sender),
        test("what_an_outbox_holds_is_sent_where_a_variable_names_it", what_an_outbox_holds_is_sent),
        test("what_is_not_sampled_is_passed_on", what_is_not_sampled_is_passed_on),
        test("a_failure_is_the_servers_own", a_failure_is_the_servers_own),
        test("without_a_collector_nothing_changes", without_a_collector_nothing_changes),
        test("a_collector_that_is_down_costs_a_line", a_collector_that_is_down_costs_a_line),
        test("what_a_collector_refuses_is_not_sent_again", what_a_collector_refuses_is_not_sent_again),
        test("spans_go_over_tls_and_one_connection", spans_go_over_tls_and_one_connection),
        test("a_collector_that_is_not_trusted_costs_a_line", a_collector_that_is_not_trusted_costs_a_line),
        test("wrong_settings_stop_the_start", wrong_settings_stop_the_start),
    ];
    libtest_mimic::run(&Arguments::from_args(), tests).exit_code()
}

/// A message that fails so often.
#[derive(Debug, Serialize, Deserialize, JsonSchema, pikku::Message)]
#[pikku(queue = "jobs")]
struct Job {
    fails: u32,
}

/// The message was not taken.
#[derive(Debug, pikku::Error)]
enum SendFailed {
    /// The queue did not take it.
    #[pikku(status = 503, detail = "{0}")]
    NotTaken(SendError),
}

#[pikku::function(public)]
async fn send(jobs: &Queue<Job>, job: Job) -> Result<(), SendFailed> {
    jobs.send(&job).await.map_err(SendFailed::NotTaken)
}

#[pikku::function]
async fn work(call: &pikku::Call, job: Job) -> Result<(), Problem> {
    let count = call.queue().map_or(0, |message| message.receive_count);
    if count <= job.fails { Err(Problem::internal("as it was told")) } else { Ok(()) }
}

#[derive(Group)]
struct Jobs;

fn test(name: &str, run: fn()) -> Trial {
    Trial::test(name, move || {
        run();
        Ok::<_, Failed>(())
    })
}

fn a_request_is_a_span() {
    let collector = Collector::start();
    let endpoint = collector.endpoint();
    let server = Server::start(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint),
        ("OTEL_SERVICE_NAME", "shop"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=plantedsecret7Qx"),
        ("PIKKU_PROXIES", "1"),
    ]);
    let answer = server
        .ask(&format!("GET /show/a?q=1 HTTP/1.1\r\ntraceparent: {PARENT}\r\ntracestate: a=b\r\nx-request-id: req-7"));
    let log = server.end(0);
    // Ended gracefully, it has sent what it had.
    let Taken { head, spans: sent, .. } = collector.next();
    assert!(head.starts_with("POST /v1/traces HTTP/1.1\r\n") && head.contains("x-key: plantedsecret7Qx"), "{head}");
    let resource = sent.resource_spans[0].resource.as_ref().unwrap();
    assert_eq!(text(&resource.attributes, "service.name"), "shop");
    let [span] = &spans(&sent)[..] else { panic!("one span: {sent:?}") };
    assert_eq!((span.name.as_str(), span.kind), ("GET /show/{*rest}", SpanKind::Server as i32));
    assert_eq!(hex(&span.trace_id), "0af7651916cd43dd8448eb211c80319c");
    assert_eq!((hex(&span.parent_span_id).as_str(), span.trace_state.as_str()), ("b7ad6b7169203331", "a=b"));
    let known = [
        ("http.request.method", "GET"),
        ("http.route", "/show/{*rest}"),
        ("url.path", "/show/a"),
        ("client.address", "127.0.0.1"),
        ("code.function.name", "show"),
        ("faas.trigger", "http"),
        ("id", "req-7"),
    ];
    for (name, value) in known {
        assert_eq!(text(&span.attributes, name), value, "{name}");
    }
    assert_eq!(number(&span.attributes, "http.response.status_code"), 200);
    assert!(span.end_time_unix_nano > span.start_time_unix_nano);
    // The call passes the server's own span on.
    let own = format!("00-0af7651916cd43dd8448eb211c80319c-{}-01", hex(&span.span_id));
    assert!(answer.contains(&format!("\"trace\":\"{own}\"")), "{answer}");
    assert!(!log.contains("plantedsecret7Qx"), "{log}");
}

fn a_message_is_a_span_below_that_of_its_sender() {
    let (collector, folder) = (Collector::start(), TempDir::new().unwrap());
    let queues = format!("sqlite:{}", folder.path().join("queues.db").display());
    let server = Server::start(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint()),
        ("OTEL_BSP_SCHEDULE_DELAY", "20"),
        ("PIKKU_QUEUES", &queues),
    ]);
    let body = r#"{"fails":1}"#;
    let head = "POST /jobs HTTP/1.1\r\ncontent-type: application/json";
    let answer = server.post(&format!("{head}\r\ntraceparent: {PARENT}\r\ntracestate: a=b"), body);
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    // The request, the delivery that fails, and the one that does not.
    let all = collector.spans(3);
    server.end(0);
    assert!(all.iter().all(|span| hex(&span.trace_id) == "0af7651916cd43dd8448eb211c80319c"), "{all:?}");
    let (requests, mut messages): (Vec<&Span>, Vec<&Span>) =
        all.iter().partition(|span| span.kind == SpanKind::Server as i32);
    messages.sort_by_key(|span| span.start_time_unix_nano);
    let ([request], [failed, done]) = (&requests[..], &messages[..]) else { panic!("{all:?}") };
    for message in [failed, done] {
        assert_eq!((message.name.as_str(), message.kind), ("process jobs", SpanKind::Consumer as i32));
        assert_eq!(message.parent_span_id, request.span_id, "it was sent within the request");
        assert_eq!(message.trace_state, "a=b");
        let known = [
            ("messaging.destination.name", "jobs"),
            ("messaging.operation.type", "process"),
            ("faas.trigger", "pubsub"),
            ("code.function.name", "work"),
        ];
        for (name, value) in known {
            assert_eq!(text(&message.attributes, name), value, "{name}");
        }
    }
    let id = |span: &Span| text(&span.attributes, "messaging.message.id");
    assert_eq!(id(failed), id(done));
    assert_eq!(failed.status.as_ref().map(|status| status.code), Some(StatusCode::Error as i32));
    assert_eq!(text(&failed.attributes, "error.type"), "internal");
    assert_eq!(done.status.as_ref().map_or(0, |status| status.code), StatusCode::Unset as i32);
}

fn what_an_outbox_holds_is_sent() {
    let folder = TempDir::new().unwrap();
    let (queues, database) = (folder.path().join("queues.db"), folder.path().join("app.db"));
    let mut app = rusqlite::Connection::open(&database).unwrap();
    SqliteOutbox::create(&app).unwrap();
    let transaction = app.transaction().unwrap();
    SqliteOutbox::add(&transaction, &NewMessage::new(Job::QUEUE, r#"{"fails":0}"#)).unwrap();
    transaction.commit().unwrap();
    let server = Server::start(&[
        ("PIKKU_QUEUES", &format!("sqlite:{}", queues.display())),
        ("PIKKU_OUTBOX", &format!("sqlite:{}", database.display())),
    ]);
    let begun = Instant::now();
    let left = || app.query_row("SELECT count(*) FROM pikku_outbox", (), |row| row.get::<_, u32>(0)).unwrap();
    while left() > 0 {
        assert!(begun.elapsed() < LIMIT, "it is not sent");
        thread::sleep(Duration::from_millis(20));
    }
    let log = server.end(0);
    assert!(!log.contains("ERROR") && !log.contains("\"level\":\"error\""), "{log}");

    // One that is none stops the start.
    for (address, said) in
        [("mysql://app:plantedsecret7Qx@db/app", "sqlite:"), ("sqlite:/absent/app.db", "/absent/app.db")]
    {
        let variables = [("PIKKU_QUEUES", &*format!("sqlite:{}", queues.display())), ("PIKKU_OUTBOX", address)];
        let mut child = Server::command(&variables).spawn().unwrap();
        let mut told = String::new();
        child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
        assert!(!child.wait().unwrap().success(), "{told}");
        assert!(told.contains(said) && !told.contains("plantedsecret7Qx"), "{told}");
    }
}

fn what_is_not_sampled_is_passed_on() {
    let collector = Collector::start();
    let endpoint = collector.endpoint();
    let server = Server::start(&[
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &format!("{endpoint}/mine")),
        ("OTEL_TRACES_SAMPLER", "parentbased_always_off"),
    ]);
    let unsampled = PARENT.replace("-01", "-00");
    for parent in [&unsampled, PARENT] {
        let answer = server.ask(&format!("GET /show/a HTTP/1.1\r\ntraceparent: {parent}"));
        let (begin, flags) = (&parent[..36], &parent[53..]);
        assert!(answer.contains(&format!("\"trace\":\"{begin}")) && answer.contains(&format!("{flags}\"")), "{answer}");
    }
    server.ask("GET /show/without-a-parent HTTP/1.1");
    server.end(0);
    let Taken { head, spans: sent, .. } = collector.next();
    assert!(head.starts_with("POST /mine HTTP/1.1\r\n"), "{head}");
    // The one whose parent is sampled.
    let [span] = &spans(&sent)[..] else { panic!("one span: {sent:?}") };
    assert_eq!(hex(&span.parent_span_id), "b7ad6b7169203331");
}

fn a_failure_is_the_servers_own() {
    let collector = Collector::start();
    let server = Server::start(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint())]);
    for request in ["GET /fail HTTP/1.1", "GET /nowhere/at/all HTTP/1.1", "BREW /show/a HTTP/1.1"] {
        server.ask(request);
    }
    let log = server.end(0);
    let sent = collector.next().spans;
    let spans = spans(&sent);
    let [failed, lost, brewed] = &spans[..] else { panic!("three spans: {sent:?}") };
    assert_eq!(failed.status.as_ref().map(|status| status.code), Some(StatusCode::Error as i32));
    assert_eq!((text(&failed.attributes, "error.type"), failed.name.as_str()), ("500".to_owned(), "GET /fail"));
    // What is logged for the call is in its span.
    assert!(failed.events.iter().any(|event| text(&event.attributes, "code") == "internal"), "{failed:?}");
    // A client's mistake is none of the server's, and no path is in a name.
    assert_eq!(lost.status.as_ref().map_or(0, |status| status.code), StatusCode::Unset as i32);
    assert_eq!((lost.name.as_str(), number(&lost.attributes, "http.response.status_code")), ("GET", 404));
    assert_eq!(text(&brewed.attributes, "http.request.method_original"), "BREW");
    // Without a parent a trace begins, which the log knows too.
    let (trace, parent) = (hex(&failed.trace_id), &failed.parent_span_id);
    assert!(parent.is_empty() && trace.len() == 32 && log.contains(&trace), "{trace}: {log}");
}

fn without_a_collector_nothing_changes() {
    let server = Server::start(&[("OTEL_SERVICE_NAME", "shop")]);
    let answer = server.ask(&format!("GET /show/a HTTP/1.1\r\ntraceparent: {PARENT}"));
    assert!(answer.contains(&format!("\"trace\":\"{PARENT}\"")), "{answer}");
    server.end(0);
}

fn a_collector_that_is_down_costs_a_line() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = Server::start(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{nobody}")),
        ("OTEL_BSP_SCHEDULE_DELAY", "20"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "10"),
    ]);
    for _ in 0..100 {
        assert!(server.ask("GET /show/a HTTP/1.1").starts_with("HTTP/1.1 200"));
    }
    assert!(lost(&server.end(0)).contains("refused"));
}

fn what_a_collector_refuses_is_not_sent_again() {
    let collector = Collector::with("400 Bad Request", None);
    let server = Server::start(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint())]);
    server.ask("GET /show/a HTTP/1.1");
    assert!(lost(&server.end(0)).contains("it answered 400 Bad Request"));
    collector.next();
    assert!(collector.taken.try_recv().is_err());
}

fn spans_go_over_tls_and_one_connection() {
    let folder = TempDir::new().unwrap();
    for version in [&TLS13, &TLS12] {
        let (identity, roots) = identity(&folder, version);
        let collector = Collector::with("200 OK", Some(identity));
        let (roots, absent) = (roots.to_str().unwrap(), "/absent/roots.pem");
        // The nearest that is set counts.
        for files in [["", "", roots], ["", roots, absent], [roots, absent, absent]] {
            let [traces, all, system] = files;
            let server = Server::start(&[
                ("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint()),
                ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=plantedsecret7Qx"),
                ("OTEL_BSP_SCHEDULE_DELAY", "20"),
                ("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", traces),
                ("OTEL_EXPORTER_OTLP_CERTIFICATE", all),
                ("SSL_CERT_FILE", system),
            ]);
            let mut sent = Vec::new();
            for path in ["/show/one", "/show/two"] {
                server.ask(&format!("GET {path} HTTP/1.1"));
                let Taken { connection, head, spans } = collector.next();
                let known = head.contains("x-key: plantedsecret7Qx") && head.contains(&collector.address.to_string());
                assert!(head.starts_with("POST /v1/traces HTTP/1.1\r\n") && known, "{head}");
                let [span] = &self::spans(&spans)[..] else { panic!("one span: {spans:?}") };
                assert_eq!(text(&span.attributes, "url.path"), path);
                sent.push(connection);
            }
            let log = server.end(0);
            assert_eq!(sent[0], sent[1], "{log}");
            assert!(!log.contains("the collector takes no spans"), "{log}");
        }
    }
}

fn a_collector_that_is_not_trusted_costs_a_line() {
    let folder = TempDir::new().unwrap();
    let (own, _) = identity(&folder, &TLS13);
    let (_, stranger) = identity(&folder, &TLS13);
    let collector = Collector::with("200 OK", Some(own));
    // Another's, and the system's.
    for roots in [stranger.to_str().unwrap(), ""] {
        let server = Server::start(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint()),
            ("OTEL_BSP_SCHEDULE_DELAY", "20"),
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", roots),
            ("SSL_CERT_FILE", ""),
        ]);
        for _ in 0..100 {
            assert!(server.ask("GET /show/a HTTP/1.1").starts_with("HTTP/1.1 200"));
        }
        let line = lost(&server.end(0));
        assert!(line.contains("invalid peer certificate"), "{line}");
    }
    assert!(collector.taken.try_recv().is_err());
}

/// The one line that tells of spans that are lost.
fn lost(log: &str) -> String {
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("the collector takes no spans")).collect();
    let [line] = lines[..] else { panic!("one line: {log}") };
    line.to_owned()
}

fn wrong_settings_stop_the_start() {
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");
    for (name, value) in [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://collector.example"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"),
        ("OTEL_TRACES_SAMPLER", "sometimes"),
    ] {
        let mut child = Server::command(&[endpoint, (name, value)]).spawn().unwrap();
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(2), "{said}");
        assert!(said.contains(&format!("{name} is `{value}`")), "{said}");
    }
    // One does not hide another, whoever reads it.
    let others = [
        ("RUST_LOG", "info,=loud"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"),
        ("OTEL_TRACES_SAMPLER", "sometimes"),
        ("PIKKU_REQUEST_TIME", "0"),
        ("PIKKU_PROXIES", "-1"),
    ];
    let collector = [("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost")];
    let certificates = [
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/absent/roots.pem"),
        ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/absent/own.pem"),
    ];
    for wrong in [&collector[..], &certificates[..]] {
        let wrong: Vec<_> = wrong.iter().chain(&others).copied().collect();
        let mut command = Server::command(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "https://127.0.0.1:4318")]);
        let said = command.envs(wrong.iter().copied()).output().unwrap();
        let said = (said.status.code(), String::from_utf8(said.stderr).unwrap());
        assert_eq!(said.0, Some(2), "{}", said.1);
        for (name, value) in wrong {
            assert!(said.1.contains(&format!("{name} is `{value}`: ")), "{name}: {}", said.1);
        }
    }
}

/// What a collector proves itself with, by TLS of one version.
type Identity = Arc<ServerConfig>;

/// A new one for 127.0.0.1, with the file of its roots.
fn identity(folder: &TempDir, version: &'static SupportedProtocolVersion) -> (Identity, PathBuf) {
    let signed = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let (certificate, key) = (signed.cert, signed.signing_key.serialize_der());
    let roots = tempfile::Builder::new().suffix(".pem").tempfile_in(folder).unwrap();
    fs::write(&roots, certificate.pem()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key.try_into().unwrap())
        .unwrap();
    (Arc::new(config), roots.keep().unwrap().1)
}

/// What was sent at once.
struct Taken {
    /// Over which connection, by its client's port.
    connection: u16,
    head: String,
    spans: ExportTraceServiceRequest,
}

/// Takes what is sent to it, and decodes it.
struct Collector {
    address: SocketAddr,
    scheme: &'static str,
    taken: Receiver<Taken>,
}

impl Collector {
    fn start() -> Self {
        Self::with("200 OK", None)
    }

    /// One that answers so.
    fn with(status: &'static str, identity: Option<Identity>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let scheme = if identity.is_some() { "https" } else { "http" };
        let (tell, taken) = channel();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, tell, identity) = (stream.unwrap(), tell.clone(), identity.clone());
                let connection = stream.peer_addr().unwrap().port();
                // How a connection ends is the client's.
                thread::spawn(move || match identity {
                    Some(identity) => {
                        let tls = ServerConnection::new(identity).unwrap();
                        drop(take(StreamOwned::new(tls, stream), connection, status, &tell));
                    }
                    None => drop(take(stream, connection, status, &tell)),
                });
            }
        });
        Self { address, scheme, taken }
    }

    fn endpoint(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// So many spans, however many sendings they come in.
    fn spans(&self, count: usize) -> Vec<Span> {
        let mut all = Vec::new();
        while all.len() < count {
            all.extend(spans(&self.next().spans).into_iter().cloned());
        }
        all
    }

    fn next(&self) -> Taken {
        self.taken.recv_timeout(LIMIT).expect("spans come")
    }
}

/// Takes all that comes over a connection.
fn take(stream: impl Read + Write, connection: u16, status: &str, tell: &Sender<Taken>) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut head, mut length) = (String::new(), 0);
        while !head.ends_with("\r\n\r\n") {
            let begin = head.len();
            if stream.read_line(&mut head)? == 0 {
                return Ok(());
            }
            let line = head[begin..].to_ascii_lowercase();
            length = line.strip_prefix("content-length: ").map_or(length, |value| value.trim().parse().unwrap());
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        let spans = ExportTraceServiceRequest::decode(&body[..]).expect("protobuf");
        write!(stream.get_mut(), "HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n")?;
        stream.get_mut().flush()?;
        if tell.send(Taken { connection, head, spans }).is_err() {
            return Ok(());
        }
    }
}

/// The server as a process.
struct Server {
    child: Child,
    address: SocketAddr,
    log: JoinHandle<String>,
}

impl Server {
    fn command(variables: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env::current_exe().unwrap());
        command.env(SERVER, "1").env("PIKKU_ADDRESS", "127.0.0.1:0").env_remove("RUST_LOG").env_remove("PORT");
        command.envs(variables.iter().copied()).stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }

    fn start(variables: &[(&str, &str)]) -> Self {
        let mut child = Self::command(variables).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let (mut all, begin) = (String::new(), "listening on http://");
        let address = loop {
            assert!(lines.read_line(&mut all).unwrap() > 0, "it has ended: {all}");
            if let Some((_, after)) = all.split_once(begin) {
                break after.split('"').next().unwrap().parse().unwrap();
            }
        };
        let log = thread::spawn(move || {
            lines.read_to_string(&mut all).unwrap();
            all
        });
        Self { child, address, log }
    }

    fn ask(&self, head: &str) -> String {
        self.post(head, "")
    }

    fn post(&self, head: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let length = match body.len() {
            0 => String::new(),
            length => format!("content-length: {length}\r\n"),
        };
        let request = format!("{head}\r\nhost: t\r\n{length}connection: close\r\n\r\n{body}");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Asks it to end; what it has logged.
    fn end(mut self, code: i32) -> String {
        let id = Pid::from_raw(self.child.id().try_into().unwrap()).unwrap();
        kill_process(id, Signal::TERM).unwrap();
        let log = self.log.join().unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(code), "{log}");
        log
    }
}

fn spans(sent: &ExportTraceServiceRequest) -> Vec<&Span> {
    sent.resource_spans.iter().flat_map(|of| &of.scope_spans).flat_map(|of| &of.spans).collect()
}

fn value<'a>(attributes: &'a [KeyValue], name: &str) -> Option<&'a Value> {
    attributes.iter().find(|attribute| attribute.key == name)?.value.as_ref()?.value.as_ref()
}

fn text(attributes: &[KeyValue], name: &str) -> String {
    match value(attributes, name) {
        Some(Value::StringValue(text)) => text.clone(),
        other => format!("{other:?}"),
    }
}

fn number(attributes: &[KeyValue], name: &str) -> i64 {
    match value(attributes, name) {
        Some(Value::IntValue(number)) => *number,
        other => panic!("{name} is {other:?}"),
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
