//! A shop of one test's own.

use pikku::testing::{TestApp, TestRequest, TestResponse};
use serde_json::{Value, json};
use shop::{Order, Product, Store};
use tempfile::TempDir;

/// What staff bear: tokens of a key that the settings for this machine trust.
pub(crate) const MANAGER: &str = include_str!("../../local/manager.jwt");
pub(crate) const BUYER: &str = include_str!("../../local/buyer.jwt");

pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// A shop with an empty store of its own and some tea, in which Ada has logged in.
pub(crate) struct Shop {
    pub(crate) app: TestApp,
    pub(crate) ada: Customer,
    pub(crate) _folder: TempDir,
}

/// The cookie of a customer.
pub(crate) struct Customer(String);

pub(crate) async fn shop() -> Shop {
    let folder = tempfile::tempdir().unwrap();
    let app = open(Store::open(&folder.path().join("shop.sqlite")).unwrap()).await;
    let tea = Product { sku: "TEA-42".into(), name: "green tea".into(), price_cents: 450, stock: 3 };
    assert_eq!(app.put("/products/TEA-42").borne(MANAGER).json(&tea).send().await.status(), 200);
    let ada = sign_up(&app, "ada").await;
    Shop { app, ada, _folder: folder }
}

/// The app around a store, with keys for it alone.
pub(crate) async fn open(store: Store) -> TestApp {
    let settings = include_str!("../../Cargo.toml");
    let app = TestApp::prepare(shop::app()).with(store);
    let key = settings.lines().find_map(|line| line.strip_prefix("STAFF_KEY = ")).unwrap().trim_matches('\'');
    app.variable("STAFF_KEY", key).variable("SESSION_KEYS", "what-seals-the-cookies-of-this-test-alone").start().await
}

pub(crate) async fn sign_up(app: &TestApp, name: &str) -> Customer {
    let answer = app.post("/customers").json(&json!({ "name": name, "password": PASSWORD })).send().await;
    assert_eq!(answer.status(), 201, "{}", answer.text());
    Customer(cookie(&answer))
}

pub(crate) async fn log_in(app: &TestApp, name: &str, password: &str) -> TestResponse {
    app.post("/login").json(&json!({ "name": name, "password": password })).send().await
}

/// The cookie that an answer sets, as a browser sends it back.
pub(crate) fn cookie(answer: &TestResponse) -> String {
    let set = answer.header("set-cookie").expect("a cookie");
    set.split(';').next().unwrap_or_default().to_owned()
}

pub(crate) fn code(answer: &TestResponse) -> String {
    answer.json::<Value>()["code"].as_str().unwrap_or_default().to_owned()
}

pub(crate) fn order(quantity: u32) -> Value {
    json!({ "lines": [{ "sku": "TEA-42", "quantity": quantity }], "email": "ada@example.com" })
}

pub(crate) async fn place(app: &TestApp, by: &Customer, key: &str, quantity: u32) -> Order {
    let answer = app.post("/orders").by(by).header("idempotency-key", key).json(&order(quantity)).send().await;
    assert_eq!(answer.status(), 201, "{}", answer.text());
    answer.json()
}

/// Who sends a request.
pub(crate) trait Sent: Sized {
    /// A customer.
    fn by(self, customer: &Customer) -> Self;
    /// Staff, with a token.
    fn borne(self, token: &str) -> Self;
}

impl Sent for TestRequest<'_> {
    fn by(self, customer: &Customer) -> Self {
        self.header("cookie", &customer.0)
    }

    fn borne(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {}", token.trim()))
    }
}
