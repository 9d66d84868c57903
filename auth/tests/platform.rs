//! Callers whom the platform has let in, and clients that only say so.

use pikku::{
    App, AuthError, Call, Claims, Group, Session,
    call::{Context, PlatformIdentity},
    http::{HttpRequest, Method, get},
    testing::TestApp,
};
use serde_json::{Value, json};
use std::convert::Infallible;

#[pikku::authenticator]
async fn principal(call: &Call) -> Result<Option<Claims>, AuthError> {
    pikku_auth::platform::easy_auth(call)
}

#[pikku::function]
async fn mine(user: Session<Value>) -> Result<Value, Infallible> {
    Ok(user.0)
}

#[derive(Group)]
struct Mine;

#[tokio::test]
async fn only_the_adapter_says_whom_the_platform_has_let_in() {
    let app = App::new().authenticate::<principal>().group::<Mine>(|g| g.http::<mine>(get("/mine")));
    let app = TestApp::start(app).await;
    let context = |issuer| Context {
        identity: Some(Box::new(PlatformIdentity { issuer, claims: json!({ "auth_typ": "aad" }) })),
        ..Context::default()
    };
    let status = async |context| app.engine().http(HttpRequest::new(Method::GET, "/mine"), context).await.status;
    assert_eq!(status(context("easy-auth")).await, 200);
    assert_eq!(status(context("another")).await, 401);
    let smuggled = app.get("/mine").header("x-ms-client-principal", "eyJhdXRoX3R5cCI6ImFhZCJ9").send().await;
    assert_eq!(smuggled.status(), 401);
}
