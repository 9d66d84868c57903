//! Spans of calls, as a collector gets them: each body is read by OpenTelemetry's own types.

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
    trace::v1::{Span, span::SpanKind, status::StatusCode},
};
use pikku::{
    All, App, BoxError, BoxFuture, Call, Group, Problem, Queue as Wiring, StatusCode as Status,
    call::Context,
    http::{
        HttpRequest, Method, get, post,
        transport::{Answer, OutgoingRequest, Transport},
    },
    platform::Level,
    service::Queue,
    testing::{LoggedLine, TestApp, TestAppBuilder},
};
use pikku_middleware::{
    retry,
    tracing::{Policy, Tracing},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, VecDeque},
    future::{pending, ready},
    sync::{Arc, LazyLock, Mutex},
    task::{Context as Poller, Waker},
};

/// When tests are.
const NOW_MS: u64 = 1_767_225_600_000;
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const UNSAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

/// What a collector is asked, and what it answers: `200` unless something is prepared.
#[derive(Debug, Default)]
struct Collected {
    asked: Vec<(Vec<(String, String)>, String)>,
    answers: VecDeque<Result<Answer, &'static str>>,
    /// It lets who asks wait.
    is_silent: bool,
}

/// The collectors by their URLs: each test has its own.
static COLLECTORS: LazyLock<Mutex<BTreeMap<String, Collected>>> = LazyLock::new(Mutex::default);

fn collector<T>(url: &str, work: impl FnOnce(&mut Collected) -> T) -> T {
    work(COLLECTORS.lock().unwrap().entry(url.to_owned()).or_default())
}

#[derive(Debug, Default)]
struct ToCollector;

impl Transport for ToCollector {
    fn post<'a>(&'a self, request: OutgoingRequest<'a>) -> BoxFuture<'a, Result<Answer, BoxError>> {
        let url = request.url.strip_suffix("/v1/traces").expect("the path of traces");
        let headers = request.headers.iter().map(|(name, value)| (name.to_string(), value.clone())).collect();
        let body = String::from_utf8(request.body.to_vec()).unwrap();
        collector(url, |collected| {
            collected.asked.push((headers, body));
            if collected.is_silent {
                return Box::pin(pending()) as BoxFuture<'a, _>;
            }
            let answer = collected.answers.pop_front().unwrap_or_else(|| Ok(answer(200, "{}")));
            Box::pin(ready(answer.map_err(BoxError::from)))
        })
    }
}

fn answer(status: u16, body: &'static str) -> Answer {
    Answer { status, body: body.into(), ..Answer::default() }
}

struct Shop;

impl Policy for Shop {
    const NAME: &'static str = "shop";
    type Transport = ToCollector;
}

/// Within the other.
struct Inner;

impl Policy for Inner {
    const NAME: &'static str = "inner";
    type Transport = ToCollector;
}

/// To a collector that wants to know who tells it something.
struct Known;

impl Policy for Known {
    const NAME: &'static str = "known";
    const HEADERS: Option<&'static str> = Some("otel-exporter-otlp-headers");
    type Transport = ToCollector;
}

struct Twice;

impl retry::Policy for Twice {
    const NAME: &'static str = "twice";
    const ATTEMPTS: u32 = 2;
    const FIRST_MS: u32 = 0;
    const IDEMPOTENT: bool = true;
}

#[derive(Debug, Serialize, Deserialize, JsonSchema, pikku::Message)]
#[pikku(queue = "orders")]
struct Order {
    id: u32,
}

/// Places an order.
#[pikku::function(public)]
async fn place(call: &Call, orders: &Queue<Order>, order: Order) -> Result<u32, Problem> {
    call.log(Level::Info, "placed", None);
    orders.send(&order).await.map_err(|error| Problem::internal(error.to_string()))?;
    Ok(order.id)
}

/// Packs an order.
#[pikku::function]
async fn pack(order: Order) -> Result<(), Problem> {
    match order.id {
        13 => Err(Problem::new(Status::new(409), "unlucky", "not this one")),
        _ => Ok(()),
    }
}

/// Runs at night.
#[pikku::function]
async fn sweep() -> Result<(), Problem> {
    Ok(())
}

#[derive(Debug, Deserialize, Serialize, JsonSchema)]
struct Wish {
    how: String,
}

/// Fails as it is told to.
#[pikku::function(public)]
async fn fail(wish: Wish) -> Result<(), Problem> {
    match &*wish.how {
        "panic" => panic!("as it was told to"),
        "wait" => pending().await,
        "mistake" => Err(Problem::new(Status::new(404), "no_such_thing", "there is none")),
        _ => Err(Problem::internal("private")),
    }
}

/// Calls the function of a remote procedure call, and is one.
#[pikku::function(public)]
async fn price_of(order: Order) -> Result<u32, Problem> {
    Ok(order.id)
}

#[derive(Group)]
struct Orders;

#[derive(Group)]
struct Failing;

fn app() -> App<All> {
    App::new()
        .middleware::<Tracing<Shop>>()
        .group::<Orders>(|g| {
            g.http::<place>(post("/orders/{id}").status(201))
                .queue::<pack>("orders", Wiring::batch(1))
                .cron::<sweep>("0 3 * * *")
                .rpc::<price_of>()
        })
        .group::<Failing>(|g| {
            g.http::<fail>(post("/failing/{how}")).middleware::<retry::Retry<Twice>>().middleware::<Tracing<Inner>>()
        })
}

fn traced(url: &str) -> TestAppBuilder {
    TestApp::prepare(app()).variable("OTEL_EXPORTER_OTLP_ENDPOINT", url)
}

/// The requests that a collector got, as OpenTelemetry reads them.
fn requests(url: &str) -> Vec<ExportTraceServiceRequest> {
    let asked = collector(url, |collected| std::mem::take(&mut collected.asked));
    asked.iter().map(|(_, body)| serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}"))).collect()
}

fn spans_of(request: ExportTraceServiceRequest) -> Vec<Span> {
    let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
    scopes.flat_map(|scope| scope.spans).collect()
}

fn spans(url: &str) -> Vec<Span> {
    requests(url).into_iter().flat_map(spans_of).collect()
}

fn said(attributes: &[KeyValue]) -> BTreeMap<&str, String> {
    let text = |value: &KeyValue| match value.value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => panic!("{other:?}"),
    };
    attributes.iter().map(|attribute| (&*attribute.key, text(attribute))).collect()
}

fn hex(id: &[u8]) -> String {
    id.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn failed(span: &Span) -> bool {
    span.status.as_ref().is_some_and(|status| status.code() == StatusCode::Error)
}

/// The status of an answer, when the work after it is done.
async fn answered(app: &TestApp, request: HttpRequest, context: Context) -> u16 {
    let after = context.after.clone();
    let answer = app.engine().http(request, context).await;
    after.run(&**app.engine().platform(), None).await;
    answer.status.as_u16()
}

fn told(app: &TestApp) -> Vec<(Level, String, String)> {
    let of_collector = |line: &LoggedLine| line.message.contains("collector");
    let line = |line: LoggedLine| (line.level, line.message, line.detail.unwrap_or_default());
    app.logged().into_iter().filter(of_collector).map(line).collect()
}

#[tokio::test]
async fn a_request_is_a_span_by_its_route() {
    let url = "https://request.example/base";
    let app = traced(&format!("{url}/"))
        .variable("OTEL_SERVICE_NAME", "the shop")
        .variable("OTEL_RESOURCE_ATTRIBUTES", "service.name=other,team=a%2Cb")
        .start()
        .await;
    let answer = app.post("/orders/7?secret=x").header("traceparent", PARENT).header("tracestate", "a=b").send().await;
    assert_eq!((answer.status(), answer.text()), (201, "7"));
    let [request] = &requests(url)[..] else { panic!("one request") };
    let resource = &request.resource_spans[0];
    let service = said(&resource.resource.as_ref().unwrap().attributes);
    assert_eq!((&*service["service.name"], &*service["team"]), ("the shop", "a,b"));
    assert_eq!(service["telemetry.sdk.language"], "rust");
    assert_eq!(resource.scope_spans[0].scope.as_ref().unwrap().name, "pikku-middleware");
    let [span] = &spans_of(request.clone())[..] else { panic!("one span") };
    assert_eq!((&*span.name, span.kind()), ("POST /orders/{id}", SpanKind::Server));
    assert_eq!((&*hex(&span.trace_id), &*hex(&span.parent_span_id)), (TRACE, "b7ad6b7169203331"));
    assert_eq!((&*span.trace_state, span.flags), ("a=b", 1));
    assert_eq!(span.start_time_unix_nano, NOW_MS * 1_000_000);
    assert!(span.end_time_unix_nano >= span.start_time_unix_nano && !failed(span));
    let all = said(&span.attributes);
    let expected = [
        ("code.function.name", "place"),
        ("faas.trigger", "http"),
        ("http.request.method", "POST"),
        ("http.response.status_code", "201"),
        ("http.route", "/orders/{id}"),
        ("url.path", "/orders/7"),
    ];
    assert_eq!(all, expected.map(|(name, value)| (name, value.to_owned())).into());
}

#[tokio::test]
async fn what_goes_on_from_a_call_is_within_its_span() {
    let url = "https://goes-on.example";
    let app = traced(url).start().await;
    // Without a trace a new one begins.
    assert_eq!(app.post("/orders/13").send().await.status(), 201);
    let [placed] = &spans(url)[..] else { panic!("one span") };
    assert!(placed.parent_span_id.is_empty() && hex(&placed.trace_id) != TRACE);
    let own = format!("00-{}-{}-01", hex(&placed.trace_id), hex(&placed.span_id));
    let logged = app.logged().into_iter().find(|line| line.message == "placed").unwrap();
    assert_eq!(logged.trace.as_ref(), Some(&own));
    // A message that fails is an error of the service, whoever has made it.
    assert_eq!(app.deliver_enqueued().await, 1);
    let [packed] = &spans(url)[..] else { panic!("one span") };
    assert_eq!((&*packed.name, packed.kind()), ("process orders", SpanKind::Consumer));
    assert_eq!((&packed.trace_id, &packed.parent_span_id), (&placed.trace_id, &placed.span_id));
    let all = said(&packed.attributes);
    assert_eq!((&*all["error.type"], &*all["messaging.destination.name"]), ("unlucky", "orders"));
    assert!(failed(packed) && !all.contains_key("http.response.status_code"));
    // The line of the failure too.
    let logged = app.logged().into_iter().find(|line| line.code.as_deref() == Some("unlucky")).unwrap();
    assert!(logged.trace.unwrap().contains(&hex(&packed.span_id)));
}

#[tokio::test]
async fn every_call_has_the_names_of_its_kind() {
    let url = "https://kinds.example";
    let app = traced(url).start().await;
    app.cron("sweep").await.unwrap();
    app.post("/rpc/price_of").json(&Order { id: 7 }).send().await;
    app.get("/nowhere").send().await;
    app.request(Method::from_bytes(b"BREW").unwrap(), "/orders/1").send().await;
    app.call::<u32>("price_of", &Order { id: 7 }).await.unwrap();
    let spans = spans(url);
    let names: Vec<_> = spans.iter().map(|span| (&*span.name, span.kind())).collect();
    let expected = [
        ("run sweep", SpanKind::Internal),
        ("POST /rpc/price_of", SpanKind::Server),
        ("GET", SpanKind::Server),
        ("HTTP", SpanKind::Server),
        ("receive price_of", SpanKind::Consumer),
    ];
    assert_eq!(names, expected);
    assert_eq!(said(&spans[1].attributes)["rpc.method"], "price_of");
    // What no route takes has no function; it is a mistake of the client.
    let missed = said(&spans[2].attributes);
    assert_eq!(missed["http.response.status_code"], "404");
    assert!(!missed.contains_key("code.function.name") && !failed(&spans[2]));
    assert_eq!(said(&spans[3].attributes)["http.request.method_original"], "BREW");
}

#[tokio::test]
async fn failures_are_told_apart_and_private_texts_are_not_told() {
    let url = "https://failures.example";
    let app = traced(url).start().await;
    for (how, status, error, count) in
        [("mistake", "404", None, 1), ("fault", "500", Some("internal"), 2), ("panic", "500", Some("internal"), 2)]
    {
        let answer = app.post(&format!("/failing/{how}")).send().await;
        assert_eq!(answer.status().to_string(), status, "{how}");
        let spans = spans(url);
        // The inner ones are of the attempts.
        let (outer, attempts): (Vec<_>, Vec<_>) = spans.iter().partition(|span| span.parent_span_id.is_empty());
        assert_eq!((outer.len(), attempts.len()), (1, count), "{how}");
        assert!(attempts.iter().all(|span| span.parent_span_id == outer[0].span_id), "{how}");
        for span in &spans {
            let all = said(&span.attributes);
            assert_eq!(all["http.response.status_code"], status, "{how}");
            assert_eq!(all.get("error.type").map(String::as_str), error, "{how}");
            assert_eq!(failed(span), error.is_some(), "{how}");
            assert!(!format!("{span:?}").contains("private"), "{how}");
        }
    }
}

#[tokio::test]
async fn a_call_that_is_dropped_or_late_has_a_span_all_the_same() {
    let url = "https://dropped.example";
    let app = traced(url).start().await;
    let context = Context::default();
    let after = context.after.clone();
    let mut going_on = Box::pin(app.engine().http(HttpRequest::new(Method::POST, "/failing/wait"), context));
    assert!(going_on.as_mut().poll(&mut Poller::from_waker(Waker::noop())).is_pending());
    drop(going_on);
    after.run(&**app.engine().platform(), None).await;
    let errors: Vec<_> = spans(url).iter().map(|span| said(&span.attributes)["error.type"].clone()).collect();
    assert_eq!(errors, ["cancelled", "cancelled"]);
    // One whose time is over is late.
    let context = Context { deadline_ms: Some(NOW_MS), ..Context::default() };
    assert_eq!(answered(&app, HttpRequest::new(Method::POST, "/failing/wait"), context).await, 504);
    let spans = spans(url);
    let all: Vec<_> = spans.iter().map(|span| said(&span.attributes)).collect();
    assert!(all.iter().all(|all| all["error.type"] == "deadline_exceeded"), "{all:?}");
    assert!(spans.len() == 2 && spans.iter().all(failed));
}

#[tokio::test]
async fn what_is_not_sampled_is_not_sent_and_goes_on_so() {
    let url = "https://unsampled.example";
    let app = traced(url).start().await;
    app.post("/orders/7").header("traceparent", UNSAMPLED).send().await;
    assert_eq!(spans(url).len(), 0);
    app.deliver_enqueued().await;
    assert_eq!(spans(url).len(), 0);
    // Those who decide for themselves do.
    let app = traced(url).variable("OTEL_TRACES_SAMPLER", "always_on").start().await;
    app.post("/orders/7").header("traceparent", UNSAMPLED).send().await;
    assert_eq!(spans(url).len(), 1);
    let ratio = |ratio: &'static str| {
        traced(url)
            .variable("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
            .variable("OTEL_TRACES_SAMPLER_ARG", ratio)
    };
    let app = ratio("0").start().await;
    app.post("/orders/7").send().await;
    assert_eq!(spans(url).len(), 0);
    app.post("/orders/7").header("traceparent", PARENT).send().await;
    assert_eq!(spans(url).len(), 1);
}

#[tokio::test]
async fn a_platform_that_traces_itself_is_no_hindrance() {
    let url = "https://x-ray.example";
    let app = traced(url).start().await;
    let root = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8";
    let own = "5759e988bd862e3fe1be46a994272793";
    for (trace, header, id, parent) in [
        // It traces nothing unless somebody wants it to, and says so of every call.
        (format!("{root};Sampled=0"), None, own, ""),
        (format!("{root};Sampled=1"), None, own, "53995c3f42cd8ad8"),
        (format!("{root};Sampled=1"), Some(PARENT), TRACE, "b7ad6b7169203331"),
        ("nonsense".to_owned(), Some(PARENT), TRACE, "b7ad6b7169203331"),
        (format!("{root};Sampled=1"), Some("00-+af-1-01"), own, "53995c3f42cd8ad8"),
    ] {
        let mut request = HttpRequest::new(Method::POST, "/orders/7");
        if let Some(header) = header {
            request.headers.append("traceparent", header.as_bytes()).unwrap();
        }
        let context = Context { trace: Some(trace.clone()), ..Context::default() };
        answered(&app, request, context).await;
        let [span] = &spans(url)[..] else { panic!("one span: {trace}") };
        assert_eq!((&*hex(&span.trace_id), &*hex(&span.parent_span_id)), (id, parent), "{trace}");
    }
}

#[tokio::test]
async fn without_a_collector_there_are_no_spans() {
    let app = TestApp::start(app()).await;
    assert_eq!(app.post("/orders/7").header("traceparent", PARENT).send().await.status(), 201);
    let logged = app.logged().into_iter().find(|line| line.message == "placed").unwrap();
    assert_eq!(logged.trace.as_deref(), Some(PARENT));
}

#[tokio::test]
async fn wrong_settings_are_told_at_once() {
    let started = traced("http://collector.example")
        .variable("OTEL_TRACES_SAMPLER", "sometimes")
        .variable("OTEL_RESOURCE_ATTRIBUTES", "team")
        .try_start()
        .await;
    let error = started.unwrap_err().to_string();
    for part in
        ["OTEL_EXPORTER_OTLP_ENDPOINT", "in the clear", "OTEL_TRACES_SAMPLER", "sometimes", "OTEL_RESOURCE_ATTRIBUTES"]
    {
        assert!(error.contains(part), "{part}: {error}");
    }
    for (name, value) in [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://user@collector.example"),
        ("OTEL_TRACES_SAMPLER_ARG", "1.5"),
        ("OTEL_TRACES_SAMPLER_ARG", "NaN"),
    ] {
        let app = traced("https://wrong.example").variable("OTEL_TRACES_SAMPLER", "traceidratio").variable(name, value);
        assert!(app.try_start().await.is_err_and(|error| error.to_string().contains(name)), "{name} {value}");
    }
}

#[tokio::test]
async fn a_collector_that_is_away_costs_a_line_and_no_call() {
    let url = "https://away.example";
    let app = traced(url).start().await;
    let place = async |id: u32| assert_eq!(app.post(&format!("/orders/{id}")).send().await.status(), 201);
    collector(url, |it| it.answers.push_back(Err("connection refused")));
    place(1).await;
    // It is left alone for a while.
    place(2).await;
    assert_eq!(requests(url).len(), 1);
    assert_eq!(told(&app), [(Level::Warn, "the collector takes no spans".into(), "connection refused".into())]);
    // It says how long.
    app.set_now_ms(NOW_MS + 5_000);
    let later = Answer { retry_after: Some("60".to_owned()), ..answer(503, "") };
    collector(url, |it| it.answers.push_back(Ok(later)));
    place(3).await;
    app.set_now_ms(NOW_MS + 64_999);
    place(4).await;
    assert_eq!(requests(url).len(), 1);
    // Nothing was lost, and what is oldest comes first.
    app.set_now_ms(NOW_MS + 65_000);
    place(5).await;
    let paths: Vec<_> = spans(url).iter().map(|span| said(&span.attributes)["url.path"].clone()).collect();
    assert_eq!(paths, ["/orders/1", "/orders/2", "/orders/3", "/orders/4", "/orders/5"]);
    assert_eq!(told(&app)[1..], [(Level::Info, "the collector takes spans".into(), "0 were lost before".into())]);
}

#[tokio::test]
async fn what_a_collector_refuses_is_lost_and_counted() {
    let url = "https://refuses.example";
    let app = traced(url).start().await;
    collector(url, |it| it.answers.push_back(Ok(answer(401, "who are you?"))));
    app.post("/orders/1").send().await;
    app.set_now_ms(NOW_MS + 5_000);
    let partly = r#"{"partialSuccess":{"rejectedSpans":"1","errorMessage":"too old"}}"#;
    collector(url, |it| it.answers.push_back(Ok(answer(200, partly))));
    app.post("/orders/2").send().await;
    assert_eq!(requests(url).len(), 2);
    let lines = [
        (Level::Warn, "the collector takes no spans", "it answered 401"),
        (Level::Info, "the collector takes spans", "1 were lost before"),
        (Level::Warn, "the collector has refused spans", "1: too old"),
    ];
    assert_eq!(told(&app), lines.map(|(level, message, detail)| (level, message.to_owned(), detail.to_owned())));
}

#[tokio::test]
async fn so_many_spans_wait_and_no_more() {
    let url = "https://full.example";
    let app = traced(url).start().await;
    collector(url, |it| it.answers.push_back(Err("away")));
    let long = "x".repeat(10_000);
    for id in 0..2_100 {
        app.get(&format!("/{id}/{long}")).send().await;
    }
    app.set_now_ms(NOW_MS + 5_000);
    requests(url);
    app.post("/orders/1").send().await;
    let sent = requests(url);
    let octets: usize = sent.iter().map(|request| serde_json::to_string(request).unwrap().len()).sum();
    let all: Vec<_> = sent.into_iter().map(|request| spans_of(request).len()).collect();
    let count: usize = all.iter().sum();
    assert!((500..2_048).contains(&count) && octets < 2 << 20, "{count} {octets}");
    assert!(all.iter().all(|count| *count <= 512), "{all:?}");
    let lost = 2_101 - count;
    assert_eq!(told(&app).last().unwrap().2, format!("{lost} were lost before"));
}

#[tokio::test]
async fn spans_of_other_calls_go_together_while_some_are_on_their_way() {
    let url = "https://together.example";
    let app = traced(url).start().await;
    collector(url, |it| it.is_silent = true);
    let first = Context::default();
    let after = first.after.clone();
    app.engine().http(HttpRequest::new(Method::POST, "/orders/1"), first).await;
    let platform = Arc::clone(app.engine().platform());
    let mut sending = Box::pin(after.run(&*platform, None));
    assert!(sending.as_mut().poll(&mut Poller::from_waker(Waker::noop())).is_pending());
    // Nobody waits for it, and nobody else sends.
    app.post("/orders/2").send().await;
    app.post("/orders/3").send().await;
    assert_eq!(requests(url).len(), 1);
    // The call's own time is over: what it was sending is sent with another.
    drop(sending);
    collector(url, |it| it.is_silent = false);
    assert_eq!(told(&app).len(), 1);
    app.set_now_ms(NOW_MS + 5_000);
    app.post("/orders/4").send().await;
    let sent: Vec<_> = requests(url).into_iter().map(|request| spans_of(request).len()).collect();
    assert_eq!(sent, [4]);
}

#[tokio::test]
async fn a_collector_is_told_who_tells_it() {
    let url = "https://known.example";
    let prepared = |headers: &str| {
        let app: App<All> =
            App::new().middleware::<Tracing<Known>>().group::<Orders>(|g| g.http::<price_of>(get("/price")));
        let app = TestApp::prepare(app).variable("OTEL_EXPORTER_OTLP_ENDPOINT", url);
        app.variable("OTEL_EXPORTER_OTLP_HEADERS", headers)
    };
    let app = prepared("Api-Key=plantedsecret7Qx%20a,x-team=shop").start().await;
    app.get("/price?id=1").send().await;
    let asked = collector(url, |collected| std::mem::take(&mut collected.asked));
    let header = |name: &str| asked[0].0.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    assert_eq!(header("Api-Key").as_deref(), Some("plantedsecret7Qx a"));
    assert_eq!(
        (header("x-team").as_deref(), header("content-type").as_deref()),
        (Some("shop"), Some("application/json"))
    );
    // One that cannot be read is not told either.
    let app = prepared("plantedsecret7Qx").start().await;
    assert_eq!(app.get("/price?id=1").send().await.status(), 200);
    let [(Level::Warn, _, why)] = &told(&app)[..] else { panic!("one line") };
    assert!(why.contains("`otel-exporter-otlp-headers` is not valid") && !why.contains("planted"), "{why}");
    assert_eq!(requests(url).len(), 0);
}

#[test]
fn a_bundle_is_handed_what_it_reads() {
    let manifest = pikku::introspect::manifest_of(app());
    let text = serde_json::to_string(&manifest).unwrap();
    for name in ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_SERVICE_NAME", "OTEL_TRACES_SAMPLER_ARG", "tracing(shop)"] {
        assert!(text.contains(name), "{name}");
    }
}
