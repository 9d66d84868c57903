//! Orders, their stock and what the night reports.

use crate::common::{Customer, MANAGER, Sent, Shop, open, place, shop, sign_up};
use pikku::testing::TestApp;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use shop::{Order, OrderLine, OrderPlaced, OrderStatus, Product, Report, Store};

async fn status(app: &TestApp, by: &Customer, id: u64) -> OrderStatus {
    app.get(&format!("/orders/{id}")).by(by).send().await.json::<Order>().status
}

#[tokio::test]
async fn an_order_reserves_its_stock_behind_the_queue() {
    let Shop { app, ada, _folder } = shop().await;
    let order = place(&app, &ada, "key-00001", 2).await;
    assert_eq!((order.total_cents, order.status), (900, OrderStatus::Placed));

    assert_eq!(app.enqueued::<Value>("orders-placed"), [json!({ "id": order.id })]);
    assert_eq!(app.deliver_enqueued().await, 1);
    assert!(app.failures().is_empty(), "{:?}", app.failures());

    assert_eq!(status(&app, &ada, order.id).await, OrderStatus::Reserved);
    assert_eq!(app.get("/products/TEA-42").send().await.json::<Product>().stock, 1);
}

#[tokio::test]
async fn a_message_delivered_twice_reserves_once() {
    let Shop { app, ada, _folder } = shop().await;
    let order = place(&app, &ada, "key-00001", 2).await;
    for _ in 0..2 {
        app.queue("orders-placed", &OrderPlaced { id: order.id }).await.unwrap();
    }
    assert_eq!(app.get("/products/TEA-42").send().await.json::<Product>().stock, 1);
}

#[tokio::test]
async fn the_same_key_places_one_order() {
    let Shop { app, ada, _folder } = shop().await;
    let first = place(&app, &ada, "key-00001", 1).await;
    assert_eq!(place(&app, &ada, "key-00001", 1).await, first);
    assert_ne!(place(&app, &ada, "key-00002", 1).await.id, first.id);
}

#[tokio::test]
async fn what_is_not_there_is_not_sold() {
    let Shop { app, ada, _folder } = shop().await;
    let order = place(&app, &ada, "key-00001", 4).await;
    app.deliver_enqueued().await;
    assert_eq!(status(&app, &ada, order.id).await, OrderStatus::OutOfStock);
    assert_eq!(app.get("/products/TEA-42").send().await.json::<Product>().stock, 3);
}

#[tokio::test]
async fn lines_of_one_product_count_together() {
    let Shop { app, ada, _folder } = shop().await;
    let line = |quantity: u32| json!({ "sku": "TEA-42", "quantity": quantity });
    for (key, second, status_then, stock) in
        [("key-00001", 2, OrderStatus::OutOfStock, 3), ("key-00002", 1, OrderStatus::Reserved, 0)]
    {
        let order = json!({ "lines": [line(2), line(second)], "email": "ada@example.com" });
        let placed: Order =
            app.post("/orders").by(&ada).header("idempotency-key", key).json(&order).send().await.json();
        assert_eq!(placed.lines.iter().map(|line| line.quantity).collect::<Vec<_>>(), [2, second]);
        app.deliver_enqueued().await;
        assert_eq!(status(&app, &ada, placed.id).await, status_then);
        assert_eq!(app.get("/products/TEA-42").send().await.json::<Product>().stock, stock);
    }
}

#[tokio::test]
async fn an_order_of_what_the_shop_does_not_have_is_not_placed() {
    let Shop { app, ada, _folder } = shop().await;
    let line = |sku: &str| json!({ "sku": sku, "quantity": 1 });
    let order = json!({ "lines": [line("TEA-42"), line("TEA-9"), line("TEA-8")], "email": "ada@example.com" });
    let answer = app.post("/orders").by(&ada).header("idempotency-key", "key-00001").json(&order).send().await;
    assert_eq!((answer.status(), answer.json::<Value>()["detail"].as_str()), (409, Some("there is no product TEA-9")));
    assert_eq!(app.enqueued::<Value>("orders-placed"), [] as [Value; 0]);
    // Nothing is left of it: neither the key nor the id is taken.
    assert_eq!(place(&app, &ada, "key-00001", 1).await.id, 1);
}

/// As environments of a function are on Lambda: each its own process with the store open.
#[test]
fn several_that_have_the_store_open_sell_each_thing_once() {
    const STOCK: u32 = 10;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.sqlite");
    // The first to open the file make its tables, all at the same time.
    let stores: Vec<Store> = std::thread::scope(|scope| {
        let opening: Vec<_> = (0..4).map(|_| scope.spawn(|| Store::open(&path).unwrap())).collect();
        opening.into_iter().map(|store| store.join().unwrap()).collect()
    });
    let mug = Product { sku: "MUG-1".into(), name: "a mug".into(), price_cents: 900, stock: STOCK };
    block_on(shop::catalog::put_product(&stores[0], mug)).unwrap();

    let sold: u32 = std::thread::scope(|scope| {
        let sellers: Vec<_> = stores
            .into_iter()
            .enumerate()
            .map(|(at, store)| scope.spawn(move || block_on(sell(at, store, STOCK))))
            .collect();
        sellers.into_iter().map(|sold| sold.join().unwrap()).sum()
    });
    assert_eq!(sold, STOCK);
    let left = block_on(shop::catalog::get_product(&Store::open(&path).unwrap(), input(json!({ "sku": "MUG-1" }))));
    assert_eq!(left.unwrap().stock, 0);
}

/// Takes so many orders, and says how many of them have their stock.
async fn sell(seller: usize, store: Store, orders: u32) -> u32 {
    let app = open(store).await;
    let ada = sign_up(&app, &format!("seller {seller}")).await;
    let mut reserved = 0;
    for order in 0..orders {
        let lines = json!({ "lines": [{ "sku": "MUG-1", "quantity": 1 }], "email": "ada@example.com" });
        let key = format!("order-{order}-of-{seller}");
        let answer = app.post("/orders").by(&ada).header("idempotency-key", &key).json(&lines).send().await;
        assert_eq!(answer.status(), 201, "{}", answer.text());
        assert_eq!(app.deliver_enqueued().await, 1);
        assert!(app.failures().is_empty(), "{:?}", app.failures());
        reserved += u32::from(status(&app, &ada, answer.json::<Order>().id).await == OrderStatus::Reserved);
    }
    reserved
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn input<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

#[tokio::test]
async fn a_message_for_no_order_fails_and_is_kept() {
    let Shop { app, _folder, .. } = shop().await;
    let problem = app.queue("orders-placed", &OrderPlaced { id: 99 }).await.unwrap_err();
    assert_eq!((problem.code(), problem.retry()), ("no_such_order", false));
    let failures = app.failures();
    assert_eq!(failures.len(), 1);
    assert_eq!(failures[0].source, "queue orders-placed");
}

#[tokio::test]
async fn every_mistake_of_an_order_is_named() {
    let Shop { app, ada, _folder } = shop().await;
    let bad = json!({ "lines": [{ "sku": "tea", "quantity": 0 }], "email": "nobody", "gift": true });
    let answer = app.post("/orders").by(&ada).header("idempotency-key", "short").json(&bad).send().await;
    assert_eq!((answer.status(), answer.header("content-type")), (422, Some("application/problem+json")));
    let problem: Value = answer.json();
    assert_eq!(problem["code"], "invalid_input");
    let mut errors: Vec<String> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| {
            format!(
                "{} {} {}",
                e["source"].as_str().unwrap(),
                e["pointer"].as_str().unwrap(),
                e["rule"].as_str().unwrap()
            )
        })
        .collect();
    errors.sort();
    assert_eq!(
        errors,
        [
            "body /email format",
            "body /gift additionalProperties",
            "body /lines/0/quantity minimum",
            "body /lines/0/sku pattern",
            "header /key minLength",
        ]
    );
}

#[tokio::test]
async fn errors_carry_public_text_alone() {
    let Shop { app, _folder, .. } = shop().await;
    let answer = app.get("/products/TEA-7").send().await;
    assert_eq!(answer.status(), 404);
    let expected = json!({
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "there is no product TEA-7",
        "code": "no_such_product",
    });
    assert_eq!(answer.json::<Value>(), expected);
}

#[tokio::test]
async fn a_path_parameter_is_decoded_by_the_schema() {
    let Shop { app, ada, _folder } = shop().await;
    let answer = app.get("/orders/seven").by(&ada).send().await;
    assert_eq!(answer.status(), 422);
    assert_eq!(answer.json::<Value>()["errors"][0]["source"], "path");
    assert_eq!(
        app.get("/products?limit=1&in_stock=true&name=tea").send().await.json::<Value>()["products"][0]["stock"],
        3
    );
}

#[tokio::test]
async fn a_delivery_adds_to_the_stock() {
    let Shop { app, _folder, .. } = shop().await;
    app.object("deliveries", "ObjectCreated:Put", "TEA-42/100.delivery").await.unwrap();
    assert_eq!(app.get("/products/TEA-42").send().await.json::<Product>().stock, 103);
}

#[tokio::test]
async fn the_night_reports_and_the_warehouse_ships() {
    let Shop { app, ada, _folder } = shop().await;
    let order = place(&app, &ada, "key-00001", 1).await;
    app.event("shop.warehouse", "Parcel shipped", &json!({ "order": order.id })).await.unwrap();
    assert_eq!(status(&app, &ada, order.id).await, OrderStatus::Shipped);

    app.set_now_ms(1_767_225_600_000);
    app.cron("nightly_report").await.unwrap();
    let report: Report = app.get("/reports/20454").borne(MANAGER).send().await.json();
    assert_eq!(report, Report { day: 20454, orders: 1, out_of_stock: 0, total_cents: 450 });
    assert_eq!(app.get("/reports/1").borne(MANAGER).send().await.status(), 404);
}

#[tokio::test]
async fn events_of_lambda_reach_the_same_functions() {
    let Shop { app, ada, _folder } = shop().await;
    let order = place(&app, &ada, "key-00001", 1).await;
    let record = |id: &str, body: String| {
        json!({
            "messageId": id,
            "receiptHandle": "handle",
            "body": body,
            "attributes": { "ApproximateReceiveCount": "1" },
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:orders-placed",
        })
    };
    let batch = json!({ "Records": [
        record("good", json!({ "id": order.id }).to_string()),
        record("unknown", json!({ "id": 99 }).to_string()),
        record("no-json", "hello".into()),
    ] });
    let event = serde_json::to_vec(&batch).unwrap();
    let answer = pikku_lambda::handle::<pikku::All>(app.engine(), &event, Default::default()).await.unwrap();
    let expected = r#"{"batchItemFailures":[{"itemIdentifier":"unknown"},{"itemIdentifier":"no-json"}]}"#;
    assert_eq!(answer, expected);
    assert_eq!(status(&app, &ada, order.id).await, OrderStatus::Reserved);
}

#[tokio::test]
async fn functions_are_ordinary_functions() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("shop.sqlite")).unwrap();
    let key: shop::OrderKey = input(json!({ "id": 1 }));
    assert!(shop::orders::get_order(&store, key).await.is_err());
    let line = OrderLine { sku: "TEA-42".into(), quantity: 1 };
    assert_eq!(serde_json::to_value(line).unwrap(), json!({ "sku": "TEA-42", "quantity": 1 }));
}
