//! Messages that are sent if, and only if, a transaction of the app's own database is committed.
//!
//! The app adds the message to a table of its database in its transaction: `SqliteOutbox::add`, `PostgresOutbox::add`. What is committed is moved
//! to the engine by an [`OutboxRelay`], at least once, and taken by the engine once: the row's key is the deduplication id,
//! where the message has none of its own. A row goes when the engine has taken its message, so a relay that is killed at any
//! moment leaves it for the next. A duplicate can come about only where a relay stands still between the two for longer than
//! the queue's deduplication window.

#[cfg(feature = "postgres")]
mod postgres;
mod relay;
#[cfg(feature = "sqlite")]
mod sqlite;

#[cfg(feature = "postgres")]
pub use postgres::PostgresOutbox;
pub use relay::{Moved, OutboxRelay, OutboxRow, OutboxStore, Refused};
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteOutbox;
