//! A small shop.
//!
//! | group | what it does |
//! |---|---|
//! | `catalog` | products over HTTP |
//! | `orders` | customers and their orders over HTTP; placing one sends it to a queue, behind which stock is reserved |
//! | `reports` | a report each night |
//! | `warehouse` | what the warehouse tells: a file that arrives in a bucket adds to the stock, an event that a parcel left |
//!
//! Buckets and event buses call functions on AWS alone; that is why the warehouse is a group of its own: the others run
//! on Cloudflare Workers as well.
//!
//! | who calls | known by | may |
//! |---|---|---|
//! | a customer | a cookie, after [`POST /login`](customers) | place orders, and see their own |
//! | staff | a bearer token, which names [roles](staff) | put products, read reports, give carriers keys |
//! | a carrier | an [API key](carriers) | tell that a parcel is on its way |
//!
//! Everything is kept in one [`Store`]: an SQLite file, or on Workers a D1 database. The functions ask for it by type, hand
//! it SQL and do not know.

pub mod carriers;
pub mod catalog;
pub mod customers;
pub mod orders;
pub mod reports;
pub mod staff;
mod store;
pub mod warehouse;

pub use carriers::CarrierKey;
pub use catalog::{Product, Products};
pub use customers::Customer;
pub use orders::{NewOrder, Order, OrderKey, OrderLine, OrderPlaced, OrderStatus};
use pikku::{
    App, Bucket, Cron, EventPattern, Queue, Selection,
    access::Scope,
    http::{delete, get, post, put},
};
pub use reports::Report;
pub use store::{Store, StoreError};
pub use warehouse::ParcelShipped;

use carriers::{CARRIER, carrier_key, create_carrier_key, parcel_collected, revoke_carrier_key};
use catalog::{get_product, list_products, put_product};
use customers::{customer_cookie, log_in, log_out, sign_up};
use orders::{get_order, place_order, reserve_stock};
use reports::{get_report, nightly_report};
use staff::staff_token;
use warehouse::{parcel_shipped, restock_product};

/// Products.
#[derive(Debug, pikku::Group)]
pub struct Catalog;

/// Customers, their orders and the stock of these. A cookie belongs to one host, so what customers do is one group.
#[derive(Debug, pikku::Group)]
pub struct Orders;

/// Reports.
#[derive(Debug, pikku::Group)]
pub struct Reports;

/// What the warehouse tells.
#[derive(Debug, pikku::Group)]
pub struct Warehouse;

/// What only those may do who were granted it. Packaging tells of a scope that is spelt otherwise elsewhere.
const SCOPES: &[Scope] = &[
    Scope::new("catalog:write"),
    Scope::new("reports:read"),
    Scope::new("carriers:write"),
    Scope::new("parcels:write"),
];

/// The shop.
pub fn app<S: Selection>() -> App<S> {
    App::new()
        .scopes(SCOPES)
        .roles(staff::ROLES)
        .roles(&[CARRIER])
        .group::<Catalog>(|g| {
            g.authenticate::<staff_token>()
                .http::<list_products>(get("/products"))
                .http::<get_product>(get("/products/{sku}"))
                .http::<put_product>(put("/products/{sku}"))
        })
        .group::<Orders>(|g| {
            g.authenticate::<customer_cookie>()
                .authenticate::<staff_token>()
                .authenticate::<carrier_key>()
                .http::<sign_up>(post("/customers").status(201))
                .http::<log_in>(post("/login"))
                .http::<log_out>(post("/logout"))
                .http::<place_order>(post("/orders").status(201).header("idempotency-key", "key"))
                .http::<get_order>(get("/orders/{id}"))
                .http::<create_carrier_key>(post("/carrier-keys").status(201))
                .http::<revoke_carrier_key>(delete("/carrier-keys/{id}"))
                .http::<parcel_collected>(post("/parcels"))
                .queue::<reserve_stock>("orders-placed", Queue::batch(10).retries(3))
        })
        .group::<Reports>(|g| {
            g.authenticate::<staff_token>()
                .cron::<nightly_report>(Cron::new("0 3 * * *"))
                .http::<get_report>(get("/reports/{day}"))
        })
        .group::<Warehouse>(|g| {
            g.event::<restock_product>(Bucket::new("deliveries").created().suffix(".delivery"))
                .event::<parcel_shipped>(EventPattern::source("shop.warehouse").detail_type("Parcel shipped"))
        })
}
