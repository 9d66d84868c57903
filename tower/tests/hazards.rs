//! Layers that fail, hang, panic, or call the app otherwise than once.

mod common;

use common::{around, calls, get, logged, started, was_dropped};
use futures_util::{FutureExt as _, future::join};
use http::{Request, StatusCode};
use pikku::{
    call::Context,
    http::{HttpRequest, Method},
    platform::Level,
};
use pikku_tower::{LayeredBody, TowerLayers as _};
use std::{
    future::{pending, poll_fn, ready},
    sync::Mutex,
    task::Poll,
    time::Duration,
};
use tokio::{sync::oneshot, task::yield_now};
use tower::{ServiceBuilder, retry};

/// The problem of an answer, of which nothing private is told.
fn internal(answer: &(u16, String)) {
    let problem: serde_json::Value = serde_json::from_str(&answer.1).unwrap();
    assert_eq!((answer.0, problem["code"].as_str()), (500, Some("internal")), "{}", answer.1);
    assert_eq!(problem["detail"], "something went wrong on our side");
}

fn reason(app: &pikku::testing::TestApp) -> String {
    let lines = logged(app);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!((lines[0].level, lines[0].code.as_deref()), (Level::Error, Some("internal")));
    lines[0].detail.clone().unwrap()
}

#[tokio::test]
async fn a_layer_that_fails_is_an_answer_with_the_reason_in_the_log() {
    let app = started(|app| app.tower(|| around(async |_, _| Err("the table is gone".into())))).await;
    internal(&get(&app, "/echo/a").await);
    assert_eq!(reason(&app), "a layer failed: the table is gone");
    let answer = app.request(Method::HEAD, "/echo/a").send().await;
    assert_eq!((answer.status(), answer.text()), (500, ""));
}

#[tokio::test(start_paused = true)]
async fn a_layer_that_is_out_of_time_ends_the_call() {
    let app = started(|app| app.tower(|| ServiceBuilder::new().timeout(Duration::from_millis(100)))).await;
    internal(&get(&app, "/never/timed").await);
    assert_eq!(reason(&app), "a layer failed: request timed out");
    assert!(calls("timed") == 1 && was_dropped("timed"));
}

#[derive(Clone)]
struct Twice;

impl<E> retry::Policy<Request<LayeredBody>, http::Response<LayeredBody>, E> for Twice {
    type Future = std::future::Ready<()>;

    fn retry(
        &mut self,
        _: &mut Request<LayeredBody>,
        result: &mut Result<http::Response<LayeredBody>, E>,
    ) -> Option<Self::Future> {
        result.as_ref().is_ok_and(|response| response.status().is_server_error()).then(|| ready(()))
    }

    fn clone_request(&mut self, request: &Request<LayeredBody>) -> Option<Request<LayeredBody>> {
        let mut clone = Request::new(LayeredBody::default());
        clone.method_mut().clone_from(request.method());
        clone.uri_mut().clone_from(request.uri());
        clone.headers_mut().clone_from(request.headers());
        clone.extensions_mut().clone_from(request.extensions());
        Some(clone)
    }
}

#[tokio::test]
async fn a_layer_that_calls_again_is_answered_again() {
    let app = started(|app| app.tower(|| retry::RetryLayer::new(Twice))).await;
    assert_eq!(get(&app, "/second-time/retried").await, (200, r#""retried""#.to_owned()));
    assert_eq!(calls("retried"), 2);
}

#[tokio::test]
async fn a_layer_may_call_twice_at_a_time() {
    let app = started(|app| {
        app.tower(|| {
            around(async |request: Request<LayeredBody>, inner| {
                let mut other = Request::new(LayeredBody::default());
                *other.uri_mut() = "/echo/two-at-a-time".parse().unwrap();
                other.extensions_mut().clone_from(request.extensions());
                let (one, two) = join(inner.answer(request), inner.answer(other)).await;
                assert_eq!((one.status(), two.status()), (StatusCode::NO_CONTENT, StatusCode::OK));
                Ok(two)
            })
        })
    })
    .await;
    assert_eq!(get(&app, "/yields").await.0, 200);
    assert_eq!(calls("two-at-a-time"), 1);
}

#[tokio::test]
async fn a_layer_that_does_not_wait_any_more_ends_the_call() {
    let app = started(|app| {
        app.tower(|| {
            around(async |request: Request<LayeredBody>, inner| {
                let mut asked = inner.answer(request).boxed();
                while calls("left") == 0 {
                    let _ = poll_fn(|task| Poll::Ready(asked.poll_unpin(task))).await;
                    yield_now().await;
                }
                drop(asked);
                yield_now().await;
                // Not at the end of the request, but now.
                assert!(was_dropped("left"));
                Ok(http::Response::new(LayeredBody::default()))
            })
        })
    })
    .await;
    assert_eq!(get(&app, "/never/left").await, (200, String::new()));
}

#[tokio::test]
async fn a_layer_may_call_from_another_task() {
    let app = started(|app| app.tower(|| ServiceBuilder::new().buffer::<Request<LayeredBody>>(4))).await;
    assert_eq!(get(&app, "/echo/buffered").await.0, 200);
    assert_eq!(calls("buffered"), 1);
}

#[tokio::test]
async fn a_call_when_the_request_is_answered_fails() {
    static LATE: Mutex<Option<oneshot::Receiver<StatusCode>>> = Mutex::new(None);
    let app = started(|app| {
        app.tower(|| {
            around(async |request: Request<LayeredBody>, inner| {
                let (send, receive) = oneshot::channel();
                *LATE.lock().unwrap() = Some(receive);
                tokio::spawn(async move {
                    yield_now().await;
                    let _ = send.send(inner.answer(request).await.status());
                });
                Ok(http::Response::new(LayeredBody::default()))
            })
        })
    })
    .await;
    assert_eq!(get(&app, "/echo/late").await, (200, String::new()));
    let late = LATE.lock().unwrap().take().unwrap();
    assert_eq!((late.await.unwrap(), calls("late")), (StatusCode::INTERNAL_SERVER_ERROR, 0));
    assert_eq!(reason(&app), "a layer has called the app for a request that nobody waits for any more");
}

#[tokio::test]
async fn a_request_without_its_extensions_fails() {
    let app = started(|app| {
        app.tower(|| {
            around(async |mut request: Request<LayeredBody>, inner| {
                request.extensions_mut().clear();
                Ok(inner.answer(request).await)
            })
        })
    })
    .await;
    internal(&get(&app, "/echo/without").await);
    assert_eq!(
        reason(&app),
        "a layer has called the app with a request without the extensions of that which it was given"
    );
    assert_eq!(calls("without"), 0);
}

/// The clock of these apps stands still: what has no time left is late, and nothing else.
#[tokio::test]
async fn a_layer_that_never_answers_is_late() {
    let app = started(|app| app.tower(|| around(async |_, _| pending().await))).await;
    let context = Context { deadline_ms: Some(1), ..Context::default() };
    let after = context.after.clone();
    let answer = app.engine().http(HttpRequest::new(Method::GET, "/echo/a"), context).await;
    assert_eq!((answer.status.as_u16(), after.is_cancelled()), (504, true));
    let lines = logged(&app);
    assert_eq!(lines.len(), 1);
    assert_eq!((lines[0].level, lines[0].code.as_deref()), (Level::Error, Some("deadline_exceeded")));
}

#[tokio::test]
async fn a_call_that_is_late_is_answered_through_the_layers() {
    let named = || {
        let value = http::HeaderValue::from_static("far");
        tower_http::set_header::SetResponseHeaderLayer::appending(http::HeaderName::from_static("x-layer"), value)
    };
    let app = started(|app| app.tower(named)).await;
    let context = Context { deadline_ms: Some(1), ..Context::default() };
    let answer = app.engine().http(HttpRequest::new(Method::GET, "/never/late-call"), context).await;
    assert_eq!((answer.status.as_u16(), answer.headers.get("x-layer")), (504, Some("far")));
    assert!(was_dropped("late-call"));
    let lines = logged(&app);
    assert_eq!((lines.len(), lines[0].function.as_deref()), (1, Some("never")));
}

#[tokio::test]
async fn a_layer_that_panics_fails_one_request() {
    let app = started(|app| {
        app.tower(|| {
            around(async |request: Request<LayeredBody>, inner| {
                assert!(request.uri().path() != "/echo/panics", "it bursts");
                Ok(inner.answer(request).await)
            })
        })
    })
    .await;
    internal(&get(&app, "/echo/panics").await);
    assert_eq!(reason(&app), "panicked: it bursts");
    assert_eq!(get(&app, "/echo/goes-on").await.0, 200);
}

#[tokio::test]
async fn a_client_that_goes_away_ends_layers_and_call() {
    let app = started(|app| app.tower(|| ServiceBuilder::new().concurrency_limit(1))).await;
    let mut asked = app.get("/never/gone").send().boxed_local();
    while calls("gone") == 0 {
        assert!((&mut asked).now_or_never().is_none());
    }
    drop(asked);
    assert!(was_dropped("gone"));
    assert_eq!(get(&app, "/echo/next").await.0, 200);
}
