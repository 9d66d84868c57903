//! Customers, who have an account and log in.

use crate::store::{Statement, Store, StoreError};
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use pikku::{AuthError, BoxError, Call, Claims, Problem, Secret, SessionChange, SessionControl};
use pikku_auth::session::{CookieSessions, SealKeys};
use pikku_middleware::{
    rate_limit::{Key, Policy, Quota, RateLimit},
    store::MemoryStore,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{convert::Infallible, time::Duration};

/// A customer: what a function learns of who has logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    /// The id.
    #[serde(rename = "customer")]
    pub id: u64,
}

/// What the sessions of customers take.
#[derive(Debug, pikku::Config)]
pub struct SessionSettings {
    /// What seals the cookies: 32 octets or more, made by `openssl rand -base64 32`. In a rotation the new one stands before
    /// the old one.
    session_keys: Secret<String>,
}

/// The sessions of customers. They are in the cookie itself, which nobody but the shop can read or make, so that a call asks no
/// store; what a session is worth ends after a working day. [`CookieSessions::in_store`] ends them earlier.
#[derive(Debug)]
pub struct Sessions(CookieSessions);

#[pikku::service]
fn sessions(settings: &SessionSettings) -> Result<Sessions, BoxError> {
    let keys = SealKeys::parse(settings.session_keys.expose())?;
    Ok(Sessions(CookieSessions::in_cookie(keys).lifetime(Duration::from_secs(8 * 60 * 60))))
}

/// Customers are known by their cookie.
#[pikku::authenticator(challenge = "Cookie", keep = keep)]
pub async fn customer_cookie(sessions: &Sessions, call: &Call) -> Result<Option<Claims>, AuthError> {
    sessions.0.authenticate(call).await
}

async fn keep(sessions: &Sessions, call: &Call, change: &SessionChange) -> Result<(), Problem> {
    sessions.0.settle(call, change).await
}

/// Who wants to log in.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogIn {
    /// The customer's name.
    #[schemars(length(min = 1, max = 80))]
    name: String,
    /// The password. What counts is its length (NIST SP 800-63B, section 3.1.1).
    #[schemars(length(min = 12, max = 128))]
    password: Secret<String>,
}

/// What can go wrong with it.
#[derive(Debug, pikku::Error)]
pub enum LogInError {
    /// There is no such customer, or the password is another. Which of them is not told.
    #[pikku(status = 403, detail = "the name or the password is wrong")]
    WrongNameOrPassword,
    /// Another customer has the name.
    #[pikku(status = 409, detail = "this name is taken")]
    NameTaken,
    /// The store failed, or there is no randomness.
    #[pikku(status = 503, detail = "the shop is not available now")]
    Unavailable(BoxError),
}

impl From<StoreError> for LogInError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.into())
    }
}

/// How many passwords one address may try: hashing them is meant to be dear. It is counted in each instance by itself; with a
/// store that instances share it would be one number for all.
pub(crate) struct Attempts;

impl Policy for Attempts {
    const NAME: &'static str = "log-ins";
    const QUOTA: Quota = Quota::per_hour(60).burst(10);
    const KEY: Key = Key::Address;
    type Store = MemoryStore;
}

/// Opens an account, and logs its customer in.
#[pikku::function(public, middleware = [RateLimit::<Attempts>])]
pub async fn sign_up(store: &Store, session: &SessionControl, new: LogIn) -> Result<(), LogInError> {
    let password = hash(&new.password)?;
    let add = "INSERT INTO customers (name, password) VALUES (?1, ?2)
               ON CONFLICT (name) DO NOTHING RETURNING id AS customer";
    let added = store.query(Statement::new(add, [new.name.as_str().into(), password.as_str().into()])).await?;
    begin(session, added.first()?.ok_or(LogInError::NameTaken)?)
}

/// Logs a customer in.
#[pikku::function(public, middleware = [RateLimit::<Attempts>])]
pub async fn log_in(store: &Store, session: &SessionControl, given: LogIn) -> Result<(), LogInError> {
    let find = "SELECT id AS customer, password FROM customers WHERE name = ?1";
    let account: Option<Account> = store.query(Statement::new(find, [given.name.as_str().into()])).await?.first()?;
    // Where there is no account, the answer takes as long.
    let kept = account.as_ref().map_or(NOBODY, |account| &account.password);
    let is_right = argon2().verify_password(given.password.expose().as_bytes(), kept).is_ok();
    match account {
        Some(account) if is_right => begin(session, account.customer),
        _ => Err(LogInError::WrongNameOrPassword),
    }
}

/// Logs a customer out.
#[pikku::function(public)]
pub async fn log_out(session: &SessionControl) -> Result<(), Infallible> {
    session.clear();
    Ok(())
}

/// The row of a customer.
#[derive(Deserialize)]
struct Account {
    #[serde(flatten)]
    customer: Customer,
    password: String,
}

fn begin(session: &SessionControl, customer: Customer) -> Result<(), LogInError> {
    let claims = Claims::of(&customer).map_err(|error| LogInError::Unavailable(error.into()))?;
    session.set(claims.with_subject(customer.id.to_string()));
    Ok(())
}

/// Memory in KiB, passes and lanes of a hash: of the settings that OWASP rates alike (Password Storage Cheat Sheet), the one of
/// the least memory, which is free again when the hash is made.
const COST: (u32, u32, u32) = (7 * 1_024, 5, 1);

/// What no password comes to, at the same cost.
const NOBODY: &str = "$argon2id$v=19$m=7168,t=5,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn argon2() -> Argon2<'static> {
    let (memory, passes, lanes) = COST;
    let params = Params::new(memory, passes, lanes, None).unwrap_or_default();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// The hash of a new password, with a salt of its own.
fn hash(password: &Secret<String>) -> Result<String, LogInError> {
    let failed = |error: &dyn std::fmt::Display| LogInError::Unavailable(format!("no hash: {error}").into());
    let mut salt = [0; 16];
    getrandom::getrandom(&mut salt).map_err(|error| failed(&error))?;
    let hash = argon2().hash_password_with_salt(password.expose().as_bytes(), &salt);
    hash.map(|hash| hash.to_string()).map_err(|error| failed(&error))
}
