//! The shop as a packaged server: an order goes over HTTP to the queue, and from there to the stock.

use pikku_local_server::{LocalServer, Request};
use pikku_tests::server;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::{sleep, timeout};

async fn send(shop: &LocalServer, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
    let request = Request::new(method, path).header("idempotency-key", "the-one-order");
    let request = match body {
        Some(body) => request.header("content-type", "application/json").body(body.to_string()),
        None => request,
    };
    let response = shop.send(request).await.expect("an answer");
    (response.status, serde_json::from_slice(&response.body).unwrap_or_default())
}

#[tokio::test]
async fn an_order_goes_through() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = folder.path().join("shop.sqlite");
    let shop = LocalServer::program(server("shop")).variable("SHOP_STORE", &store);
    let mut shop = shop.start().await.unwrap_or_else(|why| panic!("{why}"));
    let product = json!({"sku": "TEA-42", "name": "green tea", "price_cents": 450, "stock": 12});
    assert_eq!(send(&shop, "PUT", "/products/TEA-42", Some(product)).await.0, 200);
    let order = json!({"lines": [{"sku": "TEA-42", "quantity": 5}], "email": "ada@example.com"});
    let (status, placed) = send(&shop, "POST", "/orders", Some(order)).await;
    assert_eq!((status, &placed["status"]), (201, &json!("placed")), "{placed}");
    // What is behind the queue reserves the stock, a moment later.
    let reserved = timeout(Duration::from_secs(20), async {
        loop {
            let (_, order) = send(&shop, "GET", "/orders/1", None).await;
            if order["status"] != "placed" {
                return order;
            }
            sleep(Duration::from_millis(20)).await;
        }
    });
    assert_eq!(reserved.await.expect("it is reserved")["status"], "reserved");
    assert_eq!(send(&shop, "GET", "/products/TEA-42", None).await.1["stock"], 7);
    // A run by hand, as somebody in charge would: the report is there.
    shop.administer(&["schedules", "run", "nightly_report"]).await.expect("a run");
    let queues = || async { shop.administer(&["queues", "--json"]).await.expect("its queues") };
    let all = json!([
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
    let report = send(&shop, "GET", &format!("/reports/{day}"), None).await;
    assert_eq!((report.0, &report.1["orders"]), (200, &json!(1)));
    shop.terminate().expect("it runs");
    assert_eq!(shop.ended().await.expect("it ends").code(), Some(0));
}
