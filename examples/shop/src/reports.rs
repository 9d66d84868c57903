//! Reports, and what the warehouse tells.

use crate::{
    Order, OrderStatus,
    orders::{OrderError, row},
    store::{Store, StoreError},
};
use pikku::{Problem, service::Clock};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What was ordered until a day.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// The day: days since the Unix epoch.
    pub day: u64,
    /// How many orders there are.
    pub orders: u64,
    /// How many of them found something out of stock.
    pub out_of_stock: u64,
    /// What they cost in cents.
    pub total_cents: u64,
}

/// Which report.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct ReportKey {
    /// The day: days since the Unix epoch.
    day: u64,
}

/// What the warehouse tells when a parcel leaves.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ParcelShipped {
    /// The order.
    pub order: u64,
}

/// What can go wrong with a report.
#[derive(Debug, pikku::Error)]
pub enum ReportError {
    /// There is no report of that day.
    #[pikku(status = 404)]
    NoSuchReport,
    /// The store failed.
    #[pikku(status = 503, detail = "the shop is not available now")]
    Unavailable(StoreError),
}

/// Writes the day's report.
#[pikku::function]
pub async fn nightly_report(store: &Store, clock: &Clock) -> Result<(), Problem> {
    let orders: Vec<Order> = store.orders().all()?;
    let out_of_stock = orders.iter().filter(|order| order.status == OrderStatus::OutOfStock).count();
    let report = Report {
        day: clock.now_ms() / 86_400_000,
        orders: orders.len() as u64,
        out_of_stock: out_of_stock as u64,
        total_cents: orders.iter().map(|order| order.total_cents).sum(),
    };
    store.reports().put(&row(report.day), &report)?;
    Ok(())
}

/// Shows a report.
#[pikku::function]
pub async fn get_report(store: &Store, key: ReportKey) -> Result<Report, ReportError> {
    store.reports().get(&row(key.day)).map_err(ReportError::Unavailable)?.ok_or(ReportError::NoSuchReport)
}

/// Notes that an order is on its way.
#[pikku::function]
pub async fn parcel_shipped(store: &Store, shipped: ParcelShipped) -> Result<(), OrderError> {
    store.transaction(|_, orders, _| {
        let order: Option<Order> = orders.get(&row(shipped.order))?;
        let order = order.ok_or(OrderError::NoSuchOrder { id: shipped.order })?;
        Ok(orders.put(&row(order.id), &Order { status: OrderStatus::Shipped, ..order })?)
    })
}
