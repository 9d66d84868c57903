use pikku::{BoxError, Problem, service::Env};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, TableError};
use serde::{Serialize, de::DeserializeOwned};
use std::{fmt, path::Path};

const PRODUCTS: &str = "products";
const ORDERS: &str = "orders";
const REPORTS: &str = "reports";
const KEYS: &str = "idempotency-keys";

/// Where the shop keeps its data: a database file, whose path the variable `SHOP_STORE` gives.
///
/// It is the one service that knows. A shop that outgrows a file gives it another inside; no function changes.
#[derive(Debug)]
pub struct Store(Database);

/// The store failed.
#[derive(Debug)]
pub struct StoreError(BoxError);

impl fmt::Display for StoreError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the store failed: {}", self.0)
    }
}

impl std::error::Error for StoreError {}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::internal(error.to_string())
    }
}

macro_rules! from_redb {
    ($($error:ty),*) => {$(
        impl From<$error> for StoreError {
            fn from(error: $error) -> Self {
                Self(error.into())
            }
        }
    )*};
}

from_redb!(redb::TransactionError, redb::TableError, redb::StorageError, redb::CommitError, serde_json::Error);

#[pikku::service(needs = [pikku::Need::Variable("SHOP_STORE")])]
async fn store(env: &Env) -> Result<Store, BoxError> {
    let path = env.get("SHOP_STORE").filter(|path| !path.is_empty()).unwrap_or_else(|| "/tmp/shop.redb".to_owned());
    Store::open(path.as_ref())
}

/// The rows of a table, read and written as JSON.
pub(crate) struct Rows<'a> {
    table: redb::Table<'a, &'static str, &'static [u8]>,
}

fn definition(name: &str) -> TableDefinition<'_, &'static str, &'static [u8]> {
    TableDefinition::new(name)
}

impl Store {
    /// Opens the store in that file, which is made if it is not there.
    ///
    /// # Errors
    ///
    /// The file cannot be opened, is not a store, or another process has it open.
    pub fn open(path: &Path) -> Result<Self, BoxError> {
        Ok(Self(Database::create(path)?))
    }

    /// Products by stock-keeping unit.
    pub(crate) fn products(&self) -> TableName<'_> {
        TableName(self, PRODUCTS)
    }

    /// Orders by id.
    pub(crate) fn orders(&self) -> TableName<'_> {
        TableName(self, ORDERS)
    }

    /// Reports by day.
    pub(crate) fn reports(&self) -> TableName<'_> {
        TableName(self, REPORTS)
    }

    /// Changes products, orders and the keys of orders in one transaction: all of it or, after an error, none.
    pub(crate) fn transaction<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&mut Rows<'_>, &mut Rows<'_>, &mut Rows<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let transaction = self.0.begin_write().map_err(StoreError::from)?;
        let done = {
            let open = |name| transaction.open_table(definition(name)).map(|table| Rows { table });
            let mut products = open(PRODUCTS).map_err(StoreError::from)?;
            let mut orders = open(ORDERS).map_err(StoreError::from)?;
            let mut keys = open(KEYS).map_err(StoreError::from)?;
            work(&mut products, &mut orders, &mut keys)?
        };
        transaction.commit().map_err(StoreError::from)?;
        Ok(done)
    }
}

/// One table of the store.
pub(crate) struct TableName<'a>(&'a Store, &'static str);

impl TableName<'_> {
    pub(crate) fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, StoreError> {
        let table = match self.0.0.begin_read()?.open_table(definition(self.1)) {
            Ok(table) => table,
            Err(TableError::TableDoesNotExist(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        table.get(key)?.map(|row| Ok(serde_json::from_slice(row.value())?)).transpose()
    }

    /// Every row, in the order of the keys.
    pub(crate) fn all<T: DeserializeOwned>(&self) -> Result<Vec<T>, StoreError> {
        let table = match self.0.0.begin_read()?.open_table(definition(self.1)) {
            Ok(table) => table,
            Err(TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let rows = table.iter()?;
        rows.map(|row| Ok(serde_json::from_slice(row?.1.value())?)).collect()
    }

    pub(crate) fn put(&self, key: &str, value: &impl Serialize) -> Result<(), StoreError> {
        let transaction = self.0.0.begin_write()?;
        Rows { table: transaction.open_table(definition(self.1))? }.put(key, value)?;
        Ok(transaction.commit()?)
    }
}

impl Rows<'_> {
    pub(crate) fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, StoreError> {
        self.table.get(key)?.map(|row| Ok(serde_json::from_slice(row.value())?)).transpose()
    }

    pub(crate) fn put(&mut self, key: &str, value: &impl Serialize) -> Result<(), StoreError> {
        self.table.insert(key, serde_json::to_vec(value)?.as_slice())?;
        Ok(())
    }
}
