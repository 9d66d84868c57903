//! Middleware that counts and remembers, in the memory of the process.

use crate::journal::Journal;
use pikku::Problem;
use pikku_middleware::{
    idempotency,
    rate_limit::{self, Key, Quota},
    store::MemoryStore,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Two calls a day.
#[derive(Debug)]
pub struct TwoADay;

impl rate_limit::Policy for TwoADay {
    const NAME: &'static str = "two-a-day";
    const QUOTA: Quota = Quota::per_day(2);
    const KEY: Key = Key::Everyone;
    type Store = MemoryStore;
}

/// Payments are made once.
#[derive(Debug)]
pub struct Payments;

impl idempotency::Policy for Payments {
    const NAME: &'static str = "payments";
    const REQUIRED: bool = true;
    type Store = MemoryStore;
}

/// A payment.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
pub struct Payment {
    #[schemars(range(max = 1000))]
    amount: u32,
}

/// Pays, and says so in the journal.
#[pikku::function(session)]
pub async fn pay(journal: &Journal, payment: Payment) -> Result<Payment, Problem> {
    journal.write(format!("paid {}", payment.amount));
    if payment.amount == 503 {
        return Err(Problem::new(pikku::StatusCode::SERVICE_UNAVAILABLE, "bank_away", "the bank is away"));
    }
    Ok(payment)
}

/// Is limited.
#[pikku::function(public)]
pub async fn limited() -> Result<(), Problem> {
    Ok(())
}
