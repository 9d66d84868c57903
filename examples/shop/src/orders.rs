//! Orders and their stock.

use crate::{
    customers::Customer,
    store::{Rows, Statement, Store, StoreError},
};
use pikku::{
    Session,
    service::{Clock, Queue, SendError},
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

/// An order was placed: its stock is to be reserved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, pikku::Message)]
#[pikku(queue = "orders-placed")]
pub struct OrderPlaced {
    /// The order.
    pub id: u64,
}

/// Places a customer's order. What the customer has placed under its key already stays as it is.
const PLACE: &str = "
    INSERT INTO orders (customer, key, status, total_cents, placed_at_ms)
    SELECT ?4, ?1, 'placed', SUM(products.price_cents * (line.value ->> 'quantity')), ?3
    FROM json_each(?2) AS line JOIN products ON products.sku = line.value ->> 'sku'
    HAVING COUNT(*) = json_array_length(?2)
    ON CONFLICT (customer, key) DO NOTHING";

/// Adds the lines of an order that has none yet.
const PLACE_LINES: &str = "
    INSERT INTO order_lines (order_id, position, sku, quantity)
    SELECT orders.id, line.key, line.value ->> 'sku', line.value ->> 'quantity'
    FROM orders, json_each(?2) AS line
    WHERE orders.customer = ?3 AND orders.key = ?1
        AND NOT EXISTS (SELECT 1 FROM order_lines WHERE order_id = orders.id)";

/// The first product of the lines that does not exist.
const MISSING: &str = "
    SELECT line.value ->> 'sku' AS sku FROM json_each(?1) AS line
    WHERE NOT EXISTS (SELECT 1 FROM products WHERE products.sku = line.value ->> 'sku')
    ORDER BY line.key LIMIT 1";

/// Decides about an order whose stock is not reserved yet.
const DECIDE: &str = "
    UPDATE orders SET status = CASE WHEN EXISTS (
        SELECT 1 FROM order_lines JOIN products USING (sku) WHERE order_id = ?1
        GROUP BY sku HAVING SUM(quantity) > stock
    ) THEN 'out_of_stock' ELSE 'reserving' END
    WHERE id = ?1 AND status = 'placed'";

/// Takes the stock of an order that was decided to have it.
const TAKE: &str = "
    UPDATE products SET stock = stock - wanted
    FROM (SELECT sku, SUM(quantity) AS wanted FROM order_lines WHERE order_id = ?1 GROUP BY sku) AS lines
    WHERE products.sku = lines.sku AND EXISTS (SELECT 1 FROM orders WHERE id = ?1 AND status = 'reserving')";

/// Places an order of the customer who has logged in.
#[pikku::function]
pub async fn place_order(
    store: &Store,
    clock: &Clock,
    placed: &Queue<OrderPlaced>,
    customer: Session<Customer>,
    new: NewOrder,
) -> Result<Order, OrderError> {
    let lines = serde_json::to_string(&new.lines).map_err(StoreError::from)?;
    let (key, lines, customer) = (new.key.as_str(), lines.as_str(), customer.id);
    let [_, _, head, rows, missing] = store
        .batch([
            Statement::new(PLACE, [key.into(), lines.into(), clock.now_ms().into(), customer.into()]),
            Statement::new(PLACE_LINES, [key.into(), lines.into(), customer.into()]),
            Statement::new("SELECT * FROM orders WHERE customer = ?1 AND key = ?2", [customer.into(), key.into()]),
            Statement::new(
                "SELECT sku, quantity FROM order_lines
                 WHERE order_id = (SELECT id FROM orders WHERE customer = ?1 AND key = ?2) ORDER BY position",
                [customer.into(), key.into()],
            ),
            Statement::new(MISSING, [lines.into()]),
        ])
        .await?;
    let Some(order) = order(head, rows)? else {
        let Missing { sku } = missing.one()?;
        return Err(OrderError::NoSuchProduct { sku });
    };
    if order.status == OrderStatus::Placed {
        placed.send(&OrderPlaced { id: order.id }).await.map_err(OrderError::NotHandedOn)?;
    }
    Ok(order)
}

/// Whose order it is may see it. Others do not learn whether it is there.
#[pikku::permission]
pub async fn own_order(store: &Store, customer: Session<Customer>, key: OrderKey) -> Result<bool, StoreError> {
    let own = "SELECT id FROM orders WHERE id = ?1 AND customer = ?2";
    Ok(!store.query(Statement::new(own, [key.id.into(), customer.id.into()])).await?.is_empty())
}

/// Shows an order.
#[pikku::function(permission = own_order)]
pub async fn get_order(store: &Store, key: OrderKey) -> Result<Order, OrderError> {
    let [head, lines] = store
        .batch([
            Statement::new("SELECT * FROM orders WHERE id = ?1", [key.id.into()]),
            Statement::new(
                "SELECT sku, quantity FROM order_lines WHERE order_id = ?1 ORDER BY position",
                [key.id.into()],
            ),
        ])
        .await?;
    order(head, lines)?.ok_or(OrderError::NoSuchOrder { id: key.id })
}

/// Reserves the stock of a placed order. A message that is delivered twice reserves once.
#[pikku::function]
pub async fn reserve_stock(store: &Store, placed: OrderPlaced) -> Result<(), OrderError> {
    let [_, _, _, known] = store
        .batch([
            Statement::new(DECIDE, [placed.id.into()]),
            Statement::new(TAKE, [placed.id.into()]),
            Statement::new(
                "UPDATE orders SET status = 'reserved' WHERE id = ?1 AND status = 'reserving'",
                [placed.id.into()],
            ),
            Statement::new("SELECT id FROM orders WHERE id = ?1", [placed.id.into()]),
        ])
        .await?;
    if known.is_empty() { Err(OrderError::NoSuchOrder { id: placed.id }) } else { Ok(()) }
}

/// A product that does not exist.
#[derive(Deserialize)]
struct Missing {
    sku: String,
}

/// The row of an order.
#[derive(Deserialize)]
struct Head {
    id: u64,
    status: OrderStatus,
    total_cents: u64,
    placed_at_ms: u64,
}

/// An order of its row and its lines' rows.
fn order(head: Rows, lines: Rows) -> Result<Option<Order>, StoreError> {
    let Some(Head { id, status, total_cents, placed_at_ms }) = head.first()? else { return Ok(None) };
    Ok(Some(Order { id, lines: lines.all()?, total_cents, status, placed_at_ms }))
}
