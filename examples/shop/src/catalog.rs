//! Products.

use crate::store::{Statement, Store};
use pikku::Problem;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Something the shop sells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Product {
    /// The stock-keeping unit, such as `TEA-42`.
    #[schemars(regex(pattern = r"^[A-Z]{2,4}-[0-9]{1,6}$"))]
    pub sku: String,
    /// What it is called.
    #[schemars(length(min = 1, max = 120))]
    pub name: String,
    /// The price in cents.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub price_cents: u64,
    /// How many are there.
    #[schemars(range(max = 1_000_000))]
    pub stock: u32,
}

/// Which product.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct ProductKey {
    /// The stock-keeping unit.
    #[schemars(regex(pattern = r"^[A-Z]{2,4}-[0-9]{1,6}$"))]
    sku: String,
}

/// Which products.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct ProductQuery {
    /// Only those whose name holds this text.
    #[schemars(length(max = 120))]
    #[serde(default)]
    name: String,
    /// Only those in stock.
    #[serde(default)]
    in_stock: bool,
    /// At most so many.
    #[schemars(range(min = 1, max = 100))]
    #[serde(default = "twenty")]
    limit: u32,
}

fn twenty() -> u32 {
    20
}

/// A list of products.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Products {
    /// The products, by stock-keeping unit.
    pub products: Vec<Product>,
}

/// Lists products.
#[pikku::function(public)]
pub async fn list_products(store: &Store, query: ProductQuery) -> Result<Products, Problem> {
    let found = Statement::new(
        "SELECT sku, name, price_cents, stock FROM products
         WHERE instr(name, ?1) > 0 AND (NOT ?2 OR stock > 0)
         ORDER BY sku LIMIT ?3",
        [query.name.as_str().into(), query.in_stock.into(), query.limit.into()],
    );
    Ok(Products { products: store.query(found).await?.all()? })
}

/// Shows one product.
#[pikku::function(public)]
pub async fn get_product(store: &Store, key: ProductKey) -> Result<Product, CatalogError> {
    let one = "SELECT sku, name, price_cents, stock FROM products WHERE sku = ?1";
    let found = store.query(Statement::new(one, [key.sku.as_str().into()])).await?;
    found.first()?.ok_or(CatalogError::NoSuchProduct { sku: key.sku })
}

/// Adds or changes a product: what staff may who buy for the shop.
#[pikku::function(scopes = ["catalog:write"])]
pub async fn put_product(store: &Store, product: Product) -> Result<Product, CatalogError> {
    let put = Statement::new(
        "INSERT INTO products (sku, name, price_cents, stock) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (sku) DO UPDATE
         SET name = excluded.name, price_cents = excluded.price_cents, stock = excluded.stock",
        [product.sku.as_str().into(), product.name.as_str().into(), product.price_cents.into(), product.stock.into()],
    );
    store.query(put).await?;
    Ok(product)
}

/// What can go wrong in the catalog.
#[derive(Debug, pikku::Error)]
pub enum CatalogError {
    /// There is no such product.
    #[pikku(status = 404, detail = "there is no product {sku}")]
    NoSuchProduct {
        /// The stock-keeping unit asked for.
        sku: String,
    },
    /// The store failed.
    #[pikku(status = 503, detail = "the shop is not available now")]
    Unavailable(crate::StoreError),
}

impl From<crate::StoreError> for CatalogError {
    fn from(error: crate::StoreError) -> Self {
        Self::Unavailable(error)
    }
}
