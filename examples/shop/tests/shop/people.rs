//! Who may do what in the shop: customers, staff and carriers.

use crate::common::{BUYER, MANAGER, PASSWORD, Sent, Shop, code, cookie, log_in, order, place, shop, sign_up};
use pikku::testing::TestApp;
use serde_json::{Value, json};
use shop::{CarrierKey, Order, OrderStatus, Product};

#[tokio::test]
async fn a_customer_logs_in_and_out() {
    let Shop { app, _folder, .. } = shop().await;
    let answer = log_in(&app, "ada", PASSWORD).await;
    assert_eq!(answer.status(), 204, "{}", answer.text());
    let set = answer.header("set-cookie").unwrap();
    for attribute in ["__Host-session=", "Secure", "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=28800"] {
        assert!(set.contains(attribute), "{set}");
    }
    assert!(!set.contains("ada"), "{set}");
    let out = app.post("/logout").header("cookie", &cookie(&answer)).send().await;
    assert_eq!((out.status(), cookie(&out).as_str()), (204, "__Host-session="));
}

#[tokio::test]
async fn a_wrong_name_and_a_wrong_password_look_alike() {
    let Shop { app, _folder, .. } = shop().await;
    let (password, name) = (log_in(&app, "ada", "incorrect horse").await, log_in(&app, "eve", PASSWORD).await);
    for answer in [&password, &name] {
        assert_eq!((answer.status(), code(answer).as_str()), (403, "wrong_name_or_password"));
        assert_eq!(answer.header("set-cookie"), None);
    }
    assert_eq!(password.text(), name.text());
    let taken = app.post("/customers").json(&json!({ "name": "ada", "password": "incorrect horse" })).send().await;
    assert_eq!((taken.status(), code(&taken).as_str()), (409, "name_taken"));
    assert_eq!(log_in(&app, "ada", PASSWORD).await.status(), 204);
}

#[tokio::test]
async fn passwords_are_long_and_never_told() {
    let Shop { app, _folder, .. } = shop().await;
    let short = log_in(&app, "ada", "short").await;
    assert_eq!((short.status(), short.text().contains("short\"")), (422, false), "{}", short.text());
    let told: String = app.logged().iter().map(|line| format!("{line:?}")).collect();
    assert!(!told.contains(PASSWORD) && !told.contains("argon2id"), "{told}");
}

#[tokio::test]
async fn orders_are_their_customers_own() {
    let Shop { app, ada, _folder } = shop().await;
    let eve = sign_up(&app, "eve").await;
    let placed = place(&app, &ada, "key-00001", 1).await;
    let path = format!("/orders/{}", placed.id);
    assert_eq!(app.get(&path).by(&ada).send().await.json::<Order>(), placed);

    let anyone = app.get(&path).send().await;
    assert_eq!((anyone.status(), anyone.header("www-authenticate").is_some()), (401, true));
    // Others learn neither what is in it nor whether it is there.
    let (others, none) = (app.get(&path).by(&eve).send().await, app.get("/orders/99").by(&eve).send().await);
    assert_eq!((others.status(), others.text()), (403, none.text()));
    // Her key is not his: he gets an order of his own.
    assert_ne!(place(&app, &eve, "key-00001", 1).await.id, placed.id);
    assert_eq!(place(&app, &ada, "key-00001", 1).await.id, placed.id);

    let without = app.post("/orders").header("idempotency-key", "key-00002").json(&order(1)).send().await;
    assert_eq!(without.status(), 401);
    assert_eq!(app.enqueued::<Value>("orders-placed").len(), 3);
}

#[tokio::test]
async fn a_cookie_that_was_changed_is_none() {
    let Shop { app, _folder, .. } = shop().await;
    let mut cookie = cookie(&log_in(&app, "ada", PASSWORD).await);
    let last = cookie.pop();
    cookie.push(if last == Some('A') { 'B' } else { 'A' });
    assert_eq!(app.get("/orders/1").header("cookie", &cookie).send().await.status(), 401);
}

#[tokio::test]
async fn roles_of_staff_grant_what_they_name() {
    let Shop { app, ada, _folder } = shop().await;
    let mug = Product { sku: "MUG-1".into(), name: "a mug".into(), price_cents: 900, stock: 1 };
    let put = || app.put("/products/MUG-1").json(&mug);
    assert_eq!(put().borne(BUYER).send().await.status(), 200);
    assert_eq!(put().send().await.status(), 401);
    assert_eq!(put().by(&ada).send().await.status(), 401);
    let changed = format!("{}A", BUYER.trim());
    assert_eq!(put().borne(&changed).send().await.status(), 401);

    let report = || app.get("/reports/1");
    assert_eq!(report().borne(BUYER).send().await.status(), 403);
    // She may read it: there is none.
    assert_eq!(report().borne(MANAGER).send().await.status(), 404);
    // Staff are no customers.
    assert_eq!(app.get("/orders/1").borne(MANAGER).send().await.status(), 403);
}

async fn carrier_key(app: &TestApp, id: &str) -> CarrierKey {
    let new = json!({ "id": id, "carrier": "the post" });
    let answer = app.post("/carrier-keys").borne(MANAGER).json(&new).send().await;
    assert_eq!(answer.status(), 201, "{}", answer.text());
    answer.json()
}

#[tokio::test]
async fn a_carrier_tells_with_its_key() {
    let Shop { app, ada, _folder } = shop().await;
    let placed = place(&app, &ada, "key-00001", 1).await;
    let CarrierKey { key, expires_at_ms } = carrier_key(&app, "post-1").await;
    let tell = |key: &str| app.post("/parcels").header("x-api-key", key).json(&json!({ "order": placed.id }));
    assert_eq!(app.post("/parcels").json(&json!({ "order": placed.id })).send().await.status(), 401);
    assert_eq!(tell("post-1.guessed").send().await.status(), 401);
    assert_eq!(tell(&key).send().await.status(), 204);
    let path = format!("/orders/{}", placed.id);
    assert_eq!(app.get(&path).by(&ada).send().await.json::<Order>().status, OrderStatus::Shipped);

    // It is good for that alone, and staff for other things.
    let other = app.post("/carrier-keys").header("x-api-key", &key).json(&json!({ "id": "b", "carrier": "b" }));
    assert_eq!(other.send().await.status(), 403);
    let staff = app.post("/parcels").borne(MANAGER).json(&json!({ "order": placed.id })).send().await;
    assert_eq!(staff.status(), 403);
    let again = app.post("/carrier-keys").borne(MANAGER).json(&json!({ "id": "post-1", "carrier": "c" })).send().await;
    assert_eq!((again.status(), code(&again).as_str()), (409, "key_taken"));
    let buyer = app.post("/carrier-keys").borne(BUYER).json(&json!({ "id": "d", "carrier": "d" })).send().await;
    assert_eq!(buyer.status(), 403);

    assert_eq!(app.delete("/carrier-keys/post-1").borne(MANAGER).send().await.status(), 204);
    assert_eq!(tell(&key).send().await.status(), 401);
    let key = carrier_key(&app, "post-1").await.key;
    assert_eq!(tell(&key).send().await.status(), 204);
    app.set_now_ms(expires_at_ms);
    assert_eq!(tell(&key).send().await.status(), 401);
}
