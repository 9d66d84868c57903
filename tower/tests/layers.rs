//! Layers of tower around an app: what comes in, what goes out, and what goes wrong.

mod common;

use axum::{middleware::from_fn, response::IntoResponse as _};
use common::{app, around, calls, echoed, get, gzipped, inflated, logged, started};
use futures_util::future::join;
use http::{HeaderName, HeaderValue, Request, StatusCode, header};
use http_body_util::Full;
use pikku::{
    BoxFuture, Bytes, Kinds, Platform, Problem,
    call::Context,
    dispatch::{AroundHttp, PlanAroundHttp, Routing},
    http::{HttpRequest, Method},
    testing::TestApp,
};
use pikku_tower::{LayeredBody, RequestInfo, TowerLayers as _};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use tower::{ServiceBuilder, util::MapRequestLayer};
use tower_http::{
    compression::CompressionLayer,
    cors::CorsLayer,
    decompression::RequestDecompressionLayer,
    limit::RequestBodyLimitLayer,
    normalize_path::NormalizePathLayer,
    set_header::{SetRequestHeaderLayer, SetResponseHeaderLayer},
};

const NAMED: HeaderName = HeaderName::from_static("x-layer");

fn named(name: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::appending(NAMED, HeaderValue::from_static(name))
}

fn values<'a>(headers: &'a pikku::http::Headers, name: &str) -> Vec<&'a str> {
    headers.get_all(name).map(|value| str::from_utf8(value).unwrap()).collect()
}

#[tokio::test]
async fn the_first_added_is_the_outermost_and_each_is_made_once() {
    static MADE: AtomicUsize = AtomicUsize::new(0);
    let app = app()
        .tower(|| {
            MADE.fetch_add(1, Ordering::Relaxed);
            named("far")
        })
        .tower(|| named("near"));
    assert_eq!(MADE.load(Ordering::Relaxed), 0);
    let app = TestApp::start(app).await;
    for _ in 0..3 {
        let answer = app.get("/echo/a").send().await;
        assert_eq!((answer.status(), values(answer.headers(), "x-layer")), (200, vec!["near", "far"]));
    }
    assert_eq!(MADE.load(Ordering::Relaxed), 1);
    // What no route takes passes, too.
    let answer = app.get("/nowhere").send().await;
    assert_eq!((answer.status(), values(answer.headers(), "x-layer")), (404, vec!["near", "far"]));
    let answer = app.post("/stream").send().await;
    assert_eq!((answer.status(), values(answer.headers(), "x-layer")), (405, vec!["near", "far"]));
}

#[tokio::test]
async fn what_a_layer_makes_of_a_request_is_what_the_function_sees() {
    let app = started(|app| {
        let header = HeaderValue::from_static("of the layer");
        app.tower(|| SetRequestHeaderLayer::overriding(HeaderName::from_static("x-given"), header)).tower(|| {
            around(async |mut request, inner| {
                assert_eq!(request.uri(), "/echo/old?q=1");
                *request.method_mut() = Method::PUT;
                *request.uri_mut() = "/echo/n%2Few?q=%C3%A9&r".parse().unwrap();
                request.headers_mut().insert(header::COOKIE, HeaderValue::from_static("a=1"));
                let request = request.map(|_| LayeredBody::new(Full::new(Bytes::from("another"))));
                Ok(inner.answer(request).await)
            })
        })
    })
    .await;
    let answer = app.get("/echo/old?q=1").header("x-given", "1").send().await;
    let seen = echoed(&answer);
    assert_eq!((seen.method.as_str(), seen.routed.as_str(), seen.path.as_str()), ("PUT", "/echo/n%2Few", "/echo/old"));
    assert_eq!(seen.rest, "n/ew");
    assert_eq!(seen.query, [("q", "é"), ("r", "")].map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert_eq!((seen.given.as_deref(), seen.body.as_str(), seen.cookies), (Some("of the layer"), "another", 1));
}

#[tokio::test]
async fn a_request_that_no_layer_changes_arrives_as_it_is() {
    let plain = started(|app| app).await;
    let layered = started(|app| {
        app.tower(|| {
            around(async |request, inner| {
                let seen = HeaderValue::from_str(&request.uri().to_string()).unwrap();
                let mut response = inner.answer(request).await;
                response.headers_mut().insert(NAMED, seen);
                Ok(response)
            })
        })
    })
    .await;
    for (path, target) in [
        (
            "/echo/a%2Fb/%C3%A9%3F%20x?q=%26+%2B&flag&=c&q=%zz",
            Some("/echo/a%2Fb/%C3%A9%3F%20x?q=%26%20%2B&flag=&=c&q=%25zz"),
        ),
        ("/echo/%7Ejoe", Some("/echo/~joe")),
        ("/echo/a?", None),
        ("/echo//a/", None),
        ("/echo/%zz/%", Some("/echo/%25zz/%25")),
    ] {
        let answers =
            [&plain, &layered].map(|app| app.post(path).header("cookie", "a=1; b=2").body("text/plain", "body").send());
        let [plain, layered] = futures_util::future::join_all(answers).await.try_into().unwrap();
        assert_eq!((plain.status(), plain.text()), (layered.status(), layered.text()), "{path}");
        assert_eq!(plain.status(), 200, "{path}");
        if let Some(target) = target {
            assert_eq!(layered.header("x-layer"), Some(target));
        }
    }
    // What lies before the path that routes are matched on, layers do not see.
    let mut request = HttpRequest::new(Method::GET, "/stage/echo/a");
    request.route_path = request.path.below("stage");
    request.client_ip = Some("192.0.2.7".into());
    let mut answer = layered.engine().http(request, Context::default()).await;
    assert_eq!((answer.status.as_u16(), answer.headers.get("x-layer")), (200, Some("/echo/a")));
    answer.headers.remove("x-layer");
    let seen: common::Seen = serde_json::from_slice(answer.body.whole().unwrap()).unwrap();
    assert_eq!((seen.path.as_str(), seen.client.as_deref()), ("/stage/echo/a", Some("192.0.2.7")));
}

#[tokio::test]
async fn a_target_that_is_too_long_when_it_is_escaped_is_refused() {
    let app = started(|app| app.tower(|| named("far"))).await;
    let answer = app.get(&format!("/echo/a?q={}", "%".repeat(30_000))).send().await;
    assert_eq!((answer.status(), answer.json::<serde_json::Value>()["code"].as_str()), (414, Some("uri_too_long")));
}

#[tokio::test]
async fn a_preflight_is_answered_by_the_layer() {
    let app = started(|app| app.tower(CorsLayer::permissive)).await;
    let asked = app.request(Method::OPTIONS, "/echo/a").header("origin", "https://elsewhere.example");
    let answer = asked.header("access-control-request-method", "PUT").send().await;
    assert_eq!((answer.status(), answer.header("access-control-allow-origin")), (200, Some("*")));
    assert_eq!(calls("a"), 0);
    let answer = app.get("/nowhere").header("origin", "https://elsewhere.example").send().await;
    assert_eq!((answer.status(), answer.header("access-control-allow-origin")), (404, Some("*")));
}

#[tokio::test]
async fn what_an_adapter_refuses_passes_and_stays_refused() {
    let app = started(|app| {
        app.tower(|| named("far")).tower(|| {
            around(async |mut request, inner| {
                if request.headers().contains_key("locked") {
                    return Ok(StatusCode::LOCKED.into_response().map(LayeredBody::new));
                }
                *request.uri_mut() = "/echo/refused".parse().unwrap();
                Ok(inner.answer(request).await)
            })
        })
    })
    .await;
    let refuse = async |request: HttpRequest| {
        let answer =
            app.engine().refuse(Problem::too_large("it is too large"), Box::new(request), Context::default()).await;
        (answer.status.as_u16(), answer.headers.get("x-layer").map(str::to_owned))
    };
    assert_eq!(refuse(HttpRequest::new(Method::POST, "/echo/a")).await, (413, Some("far".to_owned())));
    let mut locked = HttpRequest::new(Method::POST, "/echo/a");
    locked.headers.append("locked", b"yes").unwrap();
    assert_eq!(refuse(locked).await, (423, Some("far".to_owned())));
    assert_eq!(calls("refused"), 0);
}

#[tokio::test]
async fn a_body_within_the_limit_of_a_layer_arrives_and_a_larger_one_is_refused() {
    let app = started(|app| app.tower(|| RequestBodyLimitLayer::new(8))).await;
    let send = async |body: &str, length: Option<&str>| {
        let asked = app.post("/echo/limited").body("text/plain", body.to_owned());
        let asked = length.into_iter().fold(asked, |asked, length| asked.header("content-length", length));
        asked.send().await
    };
    let answer = send("eight oc", None).await;
    assert_eq!((answer.status(), echoed(&answer).body.as_str()), (200, "eight oc"));
    assert_eq!(send("more than eight", Some("15")).await.status(), 413);
    // Not every platform says how long it is.
    let answer = send("more than eight", None).await;
    assert_eq!(
        (answer.status(), answer.json::<serde_json::Value>()["code"].as_str()),
        (413, Some("content_too_large"))
    );
    assert_eq!(calls("limited"), 1);
}

#[tokio::test]
async fn a_body_may_grow_to_ten_megabytes() {
    let app = started(|app| app.tower(RequestDecompressionLayer::new)).await;
    let send = async |octets: usize| {
        let body = gzipped(&vec![b'x'; octets]).await;
        assert!(body.len() < 100_000);
        app.post("/echo/inflated").body("text/plain", body).header("content-encoding", "gzip").send().await
    };
    let answer = send(1 << 20).await;
    assert_eq!((answer.status(), echoed(&answer).octets), (200, 1 << 20));
    let answer = send((10 << 20) + 1).await;
    assert_eq!(
        (answer.status(), answer.json::<serde_json::Value>()["code"].as_str()),
        (413, Some("content_too_large"))
    );
    let broken =
        app.post("/echo/inflated").body("text/plain", "no gzip").header("content-encoding", "gzip").send().await;
    assert_eq!((broken.status(), broken.json::<serde_json::Value>()["code"].as_str()), (400, Some("malformed_input")));
    // A larger one that a platform has let in is not refused for that.
    let large = app.post("/echo/inflated").body("text/plain", vec![b'x'; 11 << 20]).send().await;
    assert_eq!((large.status(), echoed(&large).octets), (200, 11 << 20));
    assert_eq!(calls("inflated"), 2);
}

#[tokio::test]
async fn a_whole_answer_stays_whole_and_a_stream_is_not_waited_for() {
    let app = started(|app| app.tower(|| named("far"))).await;
    let answer = app.engine().http(HttpRequest::new(Method::GET, "/echo/whole"), Context::default()).await;
    assert!(answer.body.whole().is_some_and(|octets| !octets.is_empty()));
    let mut answer = app.engine().http(HttpRequest::new(Method::GET, "/stream"), Context::default()).await;
    assert!(answer.body.whole().is_none());
    let mut next = async || std::future::poll_fn(|task| answer.body.poll_chunk(task)).await;
    // The second is made when it is asked for by name.
    assert_eq!(next().await.unwrap().unwrap(), "one\n");
    common::GATE.notify_one();
    assert_eq!(next().await.unwrap().unwrap(), "two\n");
    let failed = next().await.unwrap().unwrap_err();
    assert_eq!(failed.to_string(), "the disk is gone");
    assert!(next().await.is_none());
}

#[tokio::test]
async fn answers_are_compressed_as_they_are_made() {
    let app = started(|app| app.tower(CompressionLayer::new)).await;
    let answer = app.get("/lines").header("accept-encoding", "gzip").send().await;
    assert_eq!((answer.status(), answer.header("content-encoding")), (200, Some("gzip")));
    assert!(answer.body().len() < 2_000);
    assert_eq!(inflated(answer.body()).await, "a line\n".repeat(1_000).as_bytes());
    let answer = app.request(Method::HEAD, "/lines").header("accept-encoding", "gzip").send().await;
    assert_eq!((answer.status(), answer.body().len()), (200, 0));
}

#[tokio::test]
async fn an_answer_that_has_no_body_has_none_whatever_a_layer_gives() {
    let app = started(|app| {
        app.tower(|| {
            around(async |request: Request<LayeredBody>, _| {
                let status = if request.uri().path() == "/none" { 204 } else { 200 };
                let mut response = http::Response::new(LayeredBody::new(Full::new(Bytes::from("a body"))));
                *response.status_mut() = StatusCode::from_u16(status).unwrap();
                Ok(response)
            })
        })
    })
    .await;
    let answer = app.get("/a").send().await;
    assert_eq!((answer.status(), answer.text()), (200, "a body"));
    let answer = app.get("/none").send().await;
    assert_eq!((answer.status(), answer.text()), (204, ""));
    let answer = app.request(Method::HEAD, "/a").send().await;
    assert_eq!((answer.status(), answer.text()), (200, ""));
}

#[tokio::test]
async fn a_path_may_be_normalised_before_it_is_routed() {
    let app = started(|app| app.tower(NormalizePathLayer::trim_trailing_slash)).await;
    let answer = app.get("/stated/7/?q=1").send().await;
    assert_eq!((answer.status(), answer.text()), (200, "7"));
}

#[tokio::test]
async fn calls_share_what_a_layer_counts() {
    let app = started(|app| {
        app.tower(|| ServiceBuilder::new().concurrency_limit(1)).tower(|| {
            around(async |request, inner| {
                static NOW: AtomicUsize = AtomicUsize::new(0);
                assert_eq!(NOW.fetch_add(1, Ordering::Relaxed), 0, "two at a time");
                let response = inner.answer(request).await;
                NOW.fetch_sub(1, Ordering::Relaxed);
                Ok(response)
            })
        })
    })
    .await;
    let (one, two) = join(app.get("/yields").send(), app.get("/yields").send()).await;
    assert_eq!((one.status(), two.status()), (204, 204));
    assert!(logged(&app).is_empty(), "{:?}", logged(&app));
}

#[tokio::test]
async fn what_is_written_for_axum_takes_its_bodies() {
    async fn locked(request: axum::extract::Request, next: axum::middleware::Next) -> axum::response::Response {
        match request.headers().contains_key("locked") {
            true => (StatusCode::LOCKED, "locked").into_response(),
            false => next.run(request).await,
        }
    }
    let app = started(|app| {
        app.tower(|| {
            let to_axum = MapRequestLayer::new(|request: Request<LayeredBody>| request.map(axum::body::Body::new));
            ServiceBuilder::new().layer(to_axum).layer(from_fn(locked))
        })
    })
    .await;
    let answer = app.post("/echo/axum").body("text/plain", "body").send().await;
    assert_eq!((answer.status(), echoed(&answer).body.as_str()), (200, "body"));
    let answer = app.get("/echo/axum").header("locked", "yes").send().await;
    assert_eq!((answer.status(), answer.text(), calls("axum")), (423, "locked", 1));
}

#[tokio::test]
async fn a_layer_is_told_what_is_known_of_a_request() {
    let app = started(|app| {
        app.tower(|| {
            around(async |request: Request<LayeredBody>, _| {
                let info: &RequestInfo = request.extensions().get().unwrap();
                let told = format!("{} {:?} {:?} {:?}", info.id(), info.trace(), info.client_ip(), info.deadline_ms());
                Ok(http::Response::new(LayeredBody::new(Full::new(Bytes::from(told)))))
            })
        })
    })
    .await;
    let mut request = HttpRequest::new(Method::GET, "/");
    request.client_ip = Some("192.0.2.7".into());
    let context =
        Context { id: "call-1".into(), trace: Some("00-1".into()), deadline_ms: Some(7), ..Context::default() };
    let answer = app.engine().http(request, context).await;
    assert_eq!(answer.body.whole().unwrap(), r#"call-1 Some("00-1") Some("192.0.2.7") Some(7)"#);
}

#[tokio::test]
async fn messages_pass_no_layer() {
    let app = started(|app| app.tower(|| around(async |_, _| panic!("this is no request")))).await;
    app.queue("jobs", &"a message").await.unwrap();
    assert_eq!(app.call::<String>("job", &"a call").await.unwrap(), "a call");
    assert_eq!(get(&app, "/echo/a").await.0, 500);
}

/// Something else that stands around: it leaves a mark on its way in and out, and is told of one word.
#[derive(Default)]
struct Marking(&'static str);

impl PlanAroundHttp for Marking {
    fn start(self: Box<Self>, _: &Arc<dyn Platform>) -> Box<dyn AroundHttp> {
        self
    }
}

impl AroundHttp for Marking {
    fn answer<'a>(
        &'a self,
        mut request: Box<HttpRequest>,
        context: Context,
        routing: Routing<'a>,
    ) -> BoxFuture<'a, pikku::Response> {
        Box::pin(async move {
            request.headers.append("x-given", self.0.as_bytes()).unwrap();
            let mut response = routing.answer(request, context).await;
            response.headers.append("x-layer", self.0.as_bytes()).unwrap();
            response
        })
    }
}

#[tokio::test]
async fn what_else_stands_around_stands_there_once_and_in_its_order() {
    let app = started(|app| {
        app.tower(|| named("far"))
            .around_http::<Marking>("marking", |marking| marking.0 = "first")
            .tower(|| named("near"))
            .around_http::<Marking>("marking", |marking| marking.0 = "then")
    })
    .await;
    let answer = app.get("/echo/a").send().await;
    assert_eq!(echoed(&answer).given.as_deref(), Some("then"));
    assert_eq!(values(answer.headers(), "x-layer"), ["then", "near", "far"]);
}

#[test]
fn layers_are_described_in_their_order() {
    let described = pikku::introspect::manifest_of(
        app()
            .tower(CompressionLayer::new)
            .around_http::<Marking>("marking", |_| ())
            .tower(NormalizePathLayer::trim_trailing_slash),
    );
    let name = |of: &str| of.rsplit("::").next().unwrap().to_owned();
    let names: Vec<String> = described.around_http.iter().map(|one| name(one)).collect();
    assert_eq!(names, ["CompressionLayer", "marking", "NormalizePathLayer"]);
}

/// A bundle that takes messages alone.
struct Messages;

impl pikku::Selection for Messages {
    const GROUPS: Option<&'static [&'static str]> = None;
    const KINDS: Kinds = Kinds::QUEUE;

    fn contract<F: pikku::Function>() -> Result<pikku::Contract, pikku::ContractMissing> {
        <pikku::All as pikku::Selection>::contract::<F>()
    }
}

#[tokio::test]
async fn a_bundle_without_http_makes_no_layer() {
    let made = Arc::new(AtomicUsize::new(0));
    let make = |made: Arc<AtomicUsize>| {
        move || {
            made.fetch_add(1, Ordering::Relaxed);
            named("far")
        }
    };
    let platform = Arc::clone(started(|app| app).await.engine().platform());
    let counted = make(Arc::clone(&made));
    pikku::Engine::start(common::app_of::<Messages>().tower(counted), Arc::clone(&platform)).await.unwrap();
    assert_eq!(made.load(Ordering::Relaxed), 0);
    // The same otherwise makes one.
    pikku::Engine::start(app().tower(make(Arc::clone(&made))), platform).await.unwrap();
    assert_eq!(made.load(Ordering::Relaxed), 1);
}
