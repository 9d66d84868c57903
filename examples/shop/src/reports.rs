//! Reports.

use crate::store::{Statement, Store, StoreError};
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

impl From<StoreError> for ReportError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error)
    }
}

/// Writes the day's report.
#[pikku::function]
pub async fn nightly_report(store: &Store, clock: &Clock) -> Result<(), Problem> {
    let day = clock.now_ms() / 86_400_000;
    let write = Statement::new(
        "INSERT OR REPLACE INTO reports (day, orders, out_of_stock, total_cents)
         SELECT ?1, COUNT(*), COUNT(*) FILTER (WHERE status = 'out_of_stock'), COALESCE(SUM(total_cents), 0) FROM orders",
        [day.into()],
    );
    store.query(write).await?;
    Ok(())
}

/// Shows a report to staff who may read them.
#[pikku::function(scopes = ["reports:read"])]
pub async fn get_report(store: &Store, key: ReportKey) -> Result<Report, ReportError> {
    let one = "SELECT day, orders, out_of_stock, total_cents FROM reports WHERE day = ?1";
    store.query(Statement::new(one, [key.day.into()])).await?.first()?.ok_or(ReportError::NoSuchReport)
}
