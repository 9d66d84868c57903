//! Orders and their stock.

use crate::{
    Product,
    store::{Store, StoreError},
};
use pikku::{
    Need,
    service::{Clock, Queues, SendError},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An order to be placed.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOrder {
    /// The same key places one order, however often it is sent: the header `Idempotency-Key`.
    #[schemars(length(min = 8, max = 64))]
    pub key: String,
    /// What is ordered.
    #[schemars(length(min = 1, max = 50))]
    pub lines: Vec<OrderLine>,
    /// Where the confirmation goes.
    #[schemars(email, length(max = 254))]
    pub email: String,
}

/// One line of an order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderLine {
    /// The product.
    #[schemars(regex(pattern = r"^[A-Z]{2,4}-[0-9]{1,6}$"))]
    pub sku: String,
    /// How many.
    #[schemars(range(min = 1, max = 1000))]
    pub quantity: u32,
}

/// An order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Order {
    /// The id.
    pub id: u64,
    /// What was ordered.
    pub lines: Vec<OrderLine>,
    /// The price of it all in cents.
    pub total_cents: u64,
    /// Where it stands.
    pub status: OrderStatus,
    /// When it was placed, in milliseconds since the Unix epoch.
    pub placed_at_ms: u64,
}

/// Where an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderStatus {
    /// Stock is being reserved.
    Placed,
    /// Stock is reserved.
    Reserved,
    /// Something is out of stock.
    OutOfStock,
    /// On its way.
    Shipped,
}

/// Which order.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct OrderKey {
    /// The id.
    pub id: u64,
}

/// What can go wrong with an order.
#[derive(Debug, pikku::Error)]
pub enum OrderError {
    /// There is no such order.
    #[pikku(status = 404, detail = "there is no order {id}")]
    NoSuchOrder {
        /// The id asked for.
        id: u64,
    },
    /// A product of the order does not exist.
    #[pikku(status = 409, detail = "there is no product {sku}")]
    NoSuchProduct {
        /// The product.
        sku: String,
    },
    /// The store failed.
    #[pikku(status = 503, detail = "the shop is not available now")]
    Unavailable(StoreError),
    /// The order is placed but could not be handed on; the same key tries again.
    #[pikku(status = 503, detail = "the order could not be handed on; send it again with the same key")]
    NotHandedOn(SendError),
}

impl From<StoreError> for OrderError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error)
    }
}

/// Where placed orders go on.
#[derive(Debug)]
pub struct PlacedOrders(Queues);

#[pikku::service(needs = [Need::SendToQueue("orders-placed")])]
fn placed_orders(queues: &Queues) -> PlacedOrders {
    PlacedOrders(queues.clone())
}

impl PlacedOrders {
    async fn send(&self, order: &OrderKey) -> Result<(), SendError> {
        self.0.send("orders-placed", order).await
    }
}

/// Places an order.
#[pikku::function]
pub async fn place_order(
    store: &Store,
    clock: &Clock,
    placed: &PlacedOrders,
    new: NewOrder,
) -> Result<Order, OrderError> {
    let order = store.transaction(|products, orders, keys| {
        if let Some(id) = keys.get::<u64>(&new.key)?
            && let Some(known) = orders.get::<Order>(&row(id))?
        {
            return Ok(known);
        }
        let mut total_cents = 0;
        for line in &new.lines {
            let product: Option<Product> = products.get(&line.sku)?;
            let product = product.ok_or_else(|| OrderError::NoSuchProduct { sku: line.sku.clone() })?;
            total_cents += product.price_cents * u64::from(line.quantity);
        }
        let id = keys.get::<u64>("last")?.unwrap_or(0) + 1;
        let order =
            Order { id, lines: new.lines, total_cents, status: OrderStatus::Placed, placed_at_ms: clock.now_ms() };
        orders.put(&row(id), &order)?;
        keys.put(&new.key, &id)?;
        keys.put("last", &id)?;
        Ok::<_, OrderError>(order)
    })?;
    if order.status == OrderStatus::Placed {
        placed.send(&OrderKey { id: order.id }).await.map_err(OrderError::NotHandedOn)?;
    }
    Ok(order)
}

/// Shows an order.
#[pikku::function]
pub async fn get_order(store: &Store, key: OrderKey) -> Result<Order, OrderError> {
    store.orders().get(&row(key.id))?.ok_or(OrderError::NoSuchOrder { id: key.id })
}

/// Reserves the stock of a placed order. A message that is delivered twice reserves once.
#[pikku::function]
pub async fn reserve_stock(store: &Store, key: OrderKey) -> Result<(), OrderError> {
    store.transaction(|products, orders, _| {
        let mut order: Order = orders.get(&row(key.id))?.ok_or(OrderError::NoSuchOrder { id: key.id })?;
        if order.status != OrderStatus::Placed {
            return Ok(());
        }
        order.status = OrderStatus::Reserved;
        let mut reserved = Vec::new();
        for line in &order.lines {
            match products.get::<Product>(&line.sku)? {
                Some(product) if product.stock >= line.quantity => {
                    reserved.push(Product { stock: product.stock - line.quantity, ..product });
                }
                _ => order.status = OrderStatus::OutOfStock,
            }
        }
        if order.status == OrderStatus::Reserved {
            for product in &reserved {
                products.put(&product.sku, product)?;
            }
        }
        Ok(orders.put(&row(order.id), &order)?)
    })
}

/// The key of an order's row: ids in order.
pub(crate) fn row(id: u64) -> String {
    format!("{id:020}")
}
