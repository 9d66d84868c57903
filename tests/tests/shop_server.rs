//! The shop as a packaged server: a customer logs in, and an order goes over HTTP to the queue and from there to the stock.

use pikku_local_server::{LocalServer, Request};
use pikku_tests::{CUSTOMER, cookie, server, shop_manager, shop_variable};
use serde_json::Value;
use std::{path::Path, time::Duration};
use tokio::time::{sleep, timeout};

async fn send(shop: &LocalServer, request: Request) -> (u16, Value) {
    let response = shop.send(request).await.expect("an answer");
    (response.status, serde_json::from_slice(&response.body).unwrap_or_default())
}

fn json(method: &str, path: &str, body: &str) -> Request {
    Request::new(method, path).header("content-type", "application/json").body(body.to_owned())
}

async fn started(store: &Path) -> LocalServer {
    let shop = LocalServer::program(server("shop"))
        .variable("SHOP_STORE", store)
        .variable("SESSION_KEYS", shop_variable("SESSION_KEYS"))
        .variable("STAFF_KEY", shop_variable("STAFF_KEY"));
    shop.start().await.unwrap_or_else(|why| panic!("{why}"))
}

#[tokio::test]
async fn an_order_goes_through() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = folder.path().join("shop.sqlite");
    let mut shop = started(&store).await;
    let manager = |request: Request| request.header("authorization", shop_manager());
    let product = r#"{"sku": "TEA-42", "name": "green tea", "price_cents": 450, "stock": 12}"#;
    assert_eq!(send(&shop, json("PUT", "/products/TEA-42", product)).await.0, 401);
    assert_eq!(send(&shop, manager(json("PUT", "/products/TEA-42", product))).await.0, 200);
    let signed_up = shop.send(json("POST", "/customers", CUSTOMER)).await.expect("an answer");
    assert_eq!(signed_up.status, 201);
    let ada = cookie(signed_up.header("set-cookie").expect("a cookie"));
    let order = r#"{"lines": [{"sku": "TEA-42", "quantity": 5}], "email": "ada@example.com"}"#;
    let place = || json("POST", "/orders", order).header("idempotency-key", "the-one-order");
    assert_eq!(send(&shop, place()).await.0, 401);
    let (status, placed) = send(&shop, place().header("cookie", &ada)).await;
    assert_eq!((status, &placed["status"]), (201, &"placed".into()), "{placed}");
    // What is behind the queue reserves the stock, a moment later.
    let reserved = timeout(Duration::from_secs(20), async {
        loop {
            let (_, order) = send(&shop, Request::new("GET", "/orders/1").header("cookie", &ada)).await;
            if order["status"] != "placed" {
                return order;
            }
            sleep(Duration::from_millis(20)).await;
        }
    });
    assert_eq!(reserved.await.expect("it is reserved")["status"], "reserved");
    assert_eq!(send(&shop, Request::new("GET", "/products/TEA-42")).await.1["stock"], 7);
    // A run by hand, as somebody in charge would: the report is there.
    shop.administer(&["schedules", "run", "nightly_report"]).await.expect("a run");
    let queues = || async { shop.administer(&["queues", "--json"]).await.expect("its queues") };
    let all = serde_json::json!([
        {"queue": "orders-placed", "ready": 0, "waiting": 0, "in_flight": 0, "dead": 0},
        {"queue": "schedule.nightly_report", "ready": 0, "waiting": 0, "in_flight": 0, "dead": 0},
    ]);
    let handled = timeout(Duration::from_secs(20), async {
        while serde_json::from_str::<Value>(&queues().await).expect("JSON") != all {
            sleep(Duration::from_millis(50)).await;
        }
    });
    assert!(handled.await.is_ok(), "{}", queues().await);
    let day =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs() / 86_400;
    let report = send(&shop, manager(Request::new("GET", format!("/reports/{day}")))).await;
    assert_eq!((report.0, &report.1["orders"]), (200, &1.into()));
    shop.terminate().expect("it runs");
    assert_eq!(shop.ended().await.expect("it ends").code(), Some(0));
}

#[tokio::test]
async fn nobody_tries_passwords_for_long() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut shop = started(&folder.path().join("shop.sqlite")).await;
    let mut statuses = Vec::new();
    for _ in 0..12 {
        // What is no password at all is counted too, and costs no hash.
        statuses.push(send(&shop, json("POST", "/login", r#"{"name": "ada", "password": ""}"#)).await.0);
    }
    assert_eq!((&statuses[..10], &statuses[10..]), (&[422; 10][..], &[429; 2][..]));
    shop.terminate().expect("it runs");
    assert_eq!(shop.ended().await.expect("it ends").code(), Some(0));
}
