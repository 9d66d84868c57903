//! What the warehouse tells: by files that arrive, and over the event bus.

use crate::{
    catalog::CatalogError,
    orders::OrderError,
    store::{Statement, Store},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A file that arrived: `TEA-42/100.delivery` is a hundred of `TEA-42`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Delivery {
    /// The file.
    #[schemars(regex(pattern = r"^[A-Z]{2,4}-[0-9]{1,6}/[0-9]{1,6}\.delivery$"))]
    key: String,
}

/// What the warehouse tells when a parcel leaves.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ParcelShipped {
    /// The order.
    pub order: u64,
}

/// Adds to the stock what a delivery brings.
#[pikku::function]
pub async fn restock_product(store: &Store, delivery: Delivery) -> Result<(), CatalogError> {
    let (sku, quantity) = delivery.key.trim_end_matches(".delivery").split_once('/').unwrap_or_default();
    let quantity: u32 = quantity.parse().unwrap_or_default();
    let restock = Statement::new(
        "UPDATE products SET stock = min(stock + ?2, ?3) WHERE sku = ?1 RETURNING sku",
        [sku.into(), quantity.into(), u32::MAX.into()],
    );
    if store.query(restock).await?.is_empty() {
        return Err(CatalogError::NoSuchProduct { sku: sku.to_owned() });
    }
    Ok(())
}

/// Notes that an order is on its way.
#[pikku::function]
pub async fn parcel_shipped(store: &Store, shipped: ParcelShipped) -> Result<(), OrderError> {
    let ship = "UPDATE orders SET status = 'shipped' WHERE id = ?1 RETURNING id";
    if store.query(Statement::new(ship, [shipped.order.into()])).await?.is_empty() {
        return Err(OrderError::NoSuchOrder { id: shipped.order });
    }
    Ok(())
}
