//! The file of a shop from before there were customers.

use crate::common::{Sent as _, open, place, sign_up};
use pikku::http::StatusCode;
use rusqlite::Connection;
use shop::{OrderPlaced, Product, Store};

const OLD: &str = "
    INSERT INTO products VALUES ('TEA-42', 'green tea', 450, 5);
    INSERT INTO orders VALUES (7, 'key-00001', 'placed', 900, 1);
    INSERT INTO order_lines VALUES (7, 0, 'TEA-42', 2);";

#[tokio::test]
async fn a_store_from_before_there_were_customers_keeps_its_orders() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shop.sqlite");
    let old = Connection::open(&file).unwrap();
    old.execute_batch(include_str!("../../migrations/0001_shop.sql")).unwrap();
    old.execute_batch(OLD).unwrap();
    // Two processes find it so at once.
    let opened = std::thread::scope(|scope| {
        [scope.spawn(|| Store::open(&file)), scope.spawn(|| Store::open(&file))].map(|opened| opened.join().unwrap())
    });
    let [store, other] = opened.map(Result::unwrap);
    drop(other);

    let app = open(store).await;
    app.queue("orders-placed", &OrderPlaced { id: 7 }).await.unwrap();
    assert_eq!(app.get("/products/TEA-42").send().await.json::<Product>().stock, 3);
    let ada = sign_up(&app, "ada").await;
    assert_eq!(app.get("/orders/7").by(&ada).send().await.status(), StatusCode::FORBIDDEN);
    // Keys are each customer's own.
    assert_eq!(place(&app, &ada, "key-00001", 1).await.id, 8);

    let broken = old.query_row("PRAGMA foreign_key_check", [], |row| row.get::<_, String>(0));
    assert_eq!(broken, Err(rusqlite::Error::QueryReturnedNoRows));
    let version: u32 = old.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    assert_eq!(version, 2);
}
