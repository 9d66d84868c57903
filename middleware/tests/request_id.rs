//! An id on each answer.

use pikku::{App, Group, http::get, testing::TestApp};
use pikku_middleware::request_id::{Policy, RequestId};
use std::convert::Infallible;

struct Balanced;

impl Policy for Balanced {
    const NAME: &'static str = "balanced";
    const HEADER: &'static str = "x-correlation-id";
    const PROXY_SETS_IT: bool = true;
}

#[pikku::function(public)]
async fn read() -> Result<(), Infallible> {
    Ok(())
}

#[derive(Group)]
struct Shop;

#[tokio::test]
async fn a_clients_id_is_not_taken() {
    let wired = App::new().middleware::<RequestId>().group::<Shop>(|g| g.http::<read>(get("/read")));
    let app = TestApp::start(wired).await;
    // The call's own, as the harness gives it.
    for path in ["/read", "/nowhere"] {
        let answer = app.get(path).header("x-request-id", "forged").send().await;
        assert_eq!(answer.header("x-request-id"), Some("test"));
    }
    assert!(app.logged().iter().all(|line| !format!("{line:?}").contains("forged")));
}

#[tokio::test]
async fn a_proxys_id_is_taken_where_it_is_well_formed() {
    let wired = App::new().middleware::<RequestId<Balanced>>().group::<Shop>(|g| g.http::<read>(get("/read")));
    let app = TestApp::start(wired).await;
    let answer = app.get("/read").header("x-correlation-id", "0af7-9.Z").send().await;
    assert_eq!(answer.header("x-correlation-id"), Some("0af7-9.Z"));
    assert!(app.logged().iter().any(|line| format!("{line:?}").contains("0af7-9.Z")));
    for forged in ["", "two words", "<script>", &"a".repeat(129), "a,b"] {
        let answer = app.get("/read").header("x-correlation-id", forged).send().await;
        assert_eq!(answer.header("x-correlation-id"), Some("test"), "{forged}");
    }
    let twice = app.get("/read").header("x-correlation-id", "one").header("x-correlation-id", "two").send().await;
    assert_eq!(twice.header("x-correlation-id"), Some("test"));
}
