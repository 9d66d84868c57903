//! Middleware that counts and remembers, in the memory of the process.

use crate::journal::Journal;
use pikku::{BoxError, BoxFuture, Call, Problem};
use pikku_middleware::{
    audit::{self, Record, Sink},
    cache_control::{self, Directives},
    idempotency,
    rate_limit::{self, Key, Quota},
    request_id,
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

/// Two messages a day.
#[derive(Debug)]
pub struct TwoMessages;

impl rate_limit::Policy for TwoMessages {
    const NAME: &'static str = "two-messages";
    const QUOTA: Quota = Quota::per_day(2);
    const KEY: Key = Key::Everyone;
    type Store = MemoryStore;
}

/// Runs of schedules are done once.
#[derive(Debug)]
pub struct Runs;

impl idempotency::Policy for Runs {
    const NAME: &'static str = "runs";
    type Store = MemoryStore;
}

/// Caches may keep the answer.
#[derive(Debug)]
pub struct FiveMinutes;

impl cache_control::Policy for FiveMinutes {
    const NAME: &'static str = "five-minutes";
    const DIRECTIVES: Directives = Directives::public().max_age_s(300);
}

/// A proxy's id of the request.
#[derive(Debug)]
pub struct Correlated;

impl request_id::Policy for Correlated {
    const NAME: &'static str = "correlated";
    const HEADER: &'static str = "x-correlation-id";
    const PROXY_SETS_IT: bool = true;
}

/// Who paid what is told.
#[derive(Debug)]
pub struct Told;

impl audit::Policy for Told {
    const NAME: &'static str = "told";
    const FIELDS: &'static [&'static str] = &["/amount"];
    type Sink = Journal;
}

/// What is the same on every target.
impl Sink for Journal {
    fn write<'a>(&'a self, _: &'a Call, record: &'a Record<'a>) -> BoxFuture<'a, Result<(), BoxError>> {
        let Record { function, transport, subject, status, code, input, .. } = record;
        Self::write(
            self,
            format!(
                "{transport} {function} by {}: {} {} {}",
                subject.unwrap_or("nobody"),
                status.map_or("begun".to_owned(), |status| status.to_string()),
                code.unwrap_or("no code"),
                serde_json::Value::Object(input.clone())
            ),
        );
        Box::pin(std::future::ready(Ok(())))
    }
}

/// A payment by card.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct CardPayment {
    #[schemars(range(max = 1000))]
    #[allow(dead_code, reason = "told by the audit")]
    amount: u32,
    #[allow(dead_code, reason = "not told by the audit")]
    card: String,
}

/// Pays by card.
#[pikku::function(session, tags = ["audited"])]
pub async fn pay_by_card(_payment: CardPayment) -> Result<(), Problem> {
    Ok(())
}

/// Takes a message, of which there may be two a day.
#[pikku::function(tags = ["limited"])]
pub async fn limited_message(journal: &Journal) -> Result<(), Problem> {
    journal.write("a message");
    Ok(())
}

/// Runs once for each time.
#[pikku::function(tags = ["once"])]
pub async fn once(journal: &Journal) -> Result<(), Problem> {
    journal.write("a run");
    Ok(())
}

/// Is limited.
#[pikku::function(public)]
pub async fn limited() -> Result<(), Problem> {
    Ok(())
}
