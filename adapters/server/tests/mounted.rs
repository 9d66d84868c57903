//! The service beside handlers that know nothing of Pikku.

mod common;

use axum::{Router, body::Body, routing::get};
use common::{app, until_noted};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use pikku::{All, Bytes};
use pikku_server::{AppService, ClientAddress, Limits};
use serde_json::Value;
use tower::{Service, ServiceExt};

async fn service() -> AppService {
    AppService::start(app::<All>(), Limits::default()).await.unwrap()
}

async fn text(router: &mut Router, request: Request<Body>) -> (StatusCode, String) {
    let response = router.as_service().ready().await.unwrap().call(request).await.unwrap();
    let status = response.status();
    (status, String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap())
}

#[tokio::test]
async fn it_mounts_in_axum() {
    let service = service().await;
    let mut router = Router::new()
        .route("/version", get(|| async { "1.0" }))
        .nest_service("/api", service.clone())
        .fallback_service(service.clone());
    let get = |path: &str| Request::get(path).body(Body::empty()).unwrap();
    assert_eq!(text(&mut router, get("/version")).await, (StatusCode::OK, "1.0".to_owned()));
    for path in ["/show/x", "/api/show/x"] {
        let (status, body) = text(&mut router, get(path)).await;
        let seen: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status.as_u16(), &seen["path"]), (200, &"/show/x".into()), "{path}");
    }
    let (status, body) = text(&mut router, get("/nowhere")).await;
    assert_eq!((status.as_u16(), common::code(&body).as_str()), (404, "not_found"));
    service.close().await;
}

#[tokio::test]
async fn any_body_will_do() {
    let request = Request::post("/show/x").extension(ClientAddress("192.0.2.1:80".parse().unwrap()));
    let response = service().await.oneshot(request.body(Full::new(Bytes::from("octets"))).unwrap()).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let seen: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((&seen["octets"], &seen["client"]), (&6.into(), &"192.0.2.1".into()));
}

#[tokio::test]
async fn closing_waits_for_work_after_answers() {
    let service = service().await;
    let request = Request::post("/later?word=mounted&ms=100").body(Full::<Bytes>::default()).unwrap();
    let response = service.clone().oneshot(request).await.unwrap();
    drop(response);
    service.close().await;
    until_noted("mounted", &["work begun", "work done"]).await;
}
