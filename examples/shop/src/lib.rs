//! A small shop.
//!
//! | group | what it does |
//! |---|---|
//! | `catalog` | products over HTTP |
//! | `orders` | orders over HTTP; placing one sends it to a queue, behind which stock is reserved |
//! | `reports` | a report each night |
//! | `warehouse` | what the warehouse tells: a file that arrives in a bucket adds to the stock, an event that a parcel left |
//!
//! Buckets and event buses call functions on AWS alone; that is why the warehouse is a group of its own: the others run
//! on Cloudflare Workers as well.
//!
//! Everything is kept in one [`Store`]: an SQLite file, or on Workers a D1 database. The functions ask for it by type, hand
//! it SQL and do not know.

pub mod catalog;
pub mod orders;
pub mod reports;
mod store;
pub mod warehouse;

pub use catalog::{Product, Products};
pub use orders::{NewOrder, Order, OrderKey, OrderLine, OrderPlaced, OrderStatus};
use pikku::{
    App, Bucket, Cron, EventPattern, Queue, Selection,
    http::{get, post, put},
};
pub use reports::Report;
pub use store::{Store, StoreError};
pub use warehouse::ParcelShipped;

use catalog::{get_product, list_products, put_product};
use orders::{get_order, place_order, reserve_stock};
use reports::{get_report, nightly_report};
use warehouse::{parcel_shipped, restock_product};

/// Products.
#[derive(Debug, pikku::Group)]
pub struct Catalog;

/// Orders and their stock.
#[derive(Debug, pikku::Group)]
pub struct Orders;

/// Reports.
#[derive(Debug, pikku::Group)]
pub struct Reports;

/// What the warehouse tells.
#[derive(Debug, pikku::Group)]
pub struct Warehouse;

/// The shop.
pub fn app<S: Selection>() -> App<S> {
    App::new()
        .group::<Catalog>(|g| {
            g.http::<list_products>(get("/products"))
                .http::<get_product>(get("/products/{sku}"))
                .http::<put_product>(put("/products/{sku}"))
        })
        .group::<Orders>(|g| {
            g.http::<place_order>(post("/orders").status(201).header("idempotency-key", "key"))
                .http::<get_order>(get("/orders/{id}"))
                .queue::<reserve_stock>("orders-placed", Queue::batch(10).retries(3))
        })
        .group::<Reports>(|g| {
            g.cron::<nightly_report>(Cron::new("0 3 * * *")).http::<get_report>(get("/reports/{day}"))
        })
        .group::<Warehouse>(|g| {
            g.event::<restock_product>(Bucket::new("deliveries").created().suffix(".delivery"))
                .event::<parcel_shipped>(EventPattern::source("shop.warehouse").detail_type("Parcel shipped"))
        })
}
