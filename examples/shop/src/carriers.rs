//! Carriers, whose systems tell the shop by a webhook what became of parcels. Each has an API key.

use crate::{
    orders::OrderError,
    store::{Statement, Store, StoreError},
    warehouse::{self, ParcelShipped},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use pikku::{
    AuthError, BoxError, BoxFuture, Call, Claims, Scopes,
    access::{Role, Scope},
    service::Clock,
};
use pikku_auth::api_key::{self, KeyStore, StoredKey};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How long a key is good: ninety days.
const LIFETIME_MS: u64 = 90 * 24 * 60 * 60 * 1_000;

/// What a key grants. It is no role of staff: no token names it.
pub(crate) const CARRIER: Role = Role::new("carrier", &[Scope::new("parcels:write")]);

/// Carriers are known by the key in `X-Api-Key`.
#[pikku::authenticator]
pub async fn carrier_key(store: &Store, call: &Call) -> Result<Option<Claims>, AuthError> {
    api_key::authenticate(store, call).await
}

/// A carrier has told that a parcel is on its way.
#[pikku::function(scopes = ["parcels:write"])]
pub async fn parcel_collected(store: &Store, shipped: ParcelShipped) -> Result<(), OrderError> {
    warehouse::parcel_shipped(store, shipped).await
}

/// A key to be made.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCarrierKey {
    /// What the key is known by, such as `post-2026`.
    #[schemars(regex(pattern = r"^[a-z0-9-]{1,40}$"))]
    id: String,
    /// Whose it is.
    #[schemars(length(min = 1, max = 80))]
    carrier: String,
}

/// A key that was made.
#[derive(Serialize, Deserialize, JsonSchema)]
pub struct CarrierKey {
    /// The key, which is shown this once: the shop keeps its hash.
    pub key: String,
    /// When it expires, in milliseconds since the Unix epoch.
    pub expires_at_ms: u64,
}

impl fmt::Debug for CarrierKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("CarrierKey").field("expires_at_ms", &self.expires_at_ms).finish_non_exhaustive()
    }
}

/// Which key.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct CarrierKeyId {
    /// What it is known by.
    #[schemars(length(min = 1, max = 40))]
    id: String,
}

/// Makes a key for a carrier.
#[pikku::function(scopes = ["carriers:write"])]
pub async fn create_carrier_key(store: &Store, clock: &Clock, new: NewCarrierKey) -> Result<CarrierKey, CarrierError> {
    let (key, hash) = api_key::generate(&new.id).map_err(CarrierError::Unavailable)?;
    let (hash, expires_at_ms) = (URL_SAFE_NO_PAD.encode(hash), clock.now_ms() + LIFETIME_MS);
    let add = Statement::new(
        "INSERT INTO carrier_keys (id, carrier, hash, expires_at_ms) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (id) DO NOTHING RETURNING id",
        [new.id.as_str().into(), new.carrier.as_str().into(), hash.as_str().into(), expires_at_ms.into()],
    );
    if store.query(add).await?.is_empty() {
        return Err(CarrierError::KeyTaken { id: new.id });
    }
    Ok(CarrierKey { key, expires_at_ms })
}

/// Takes a carrier's key away.
#[pikku::function(scopes = ["carriers:write"])]
pub async fn revoke_carrier_key(store: &Store, key: CarrierKeyId) -> Result<(), CarrierError> {
    store.query(Statement::new("DELETE FROM carrier_keys WHERE id = ?1", [key.id.as_str().into()])).await?;
    Ok(())
}

/// What can go wrong with a key.
#[derive(Debug, pikku::Error)]
pub enum CarrierError {
    /// There is another key of that id.
    #[pikku(status = 409, detail = "there is a key {id} already")]
    KeyTaken {
        /// The id.
        id: String,
    },
    /// The store failed, or there is no randomness.
    #[pikku(status = 503, detail = "the shop is not available now")]
    Unavailable(BoxError),
}

impl From<StoreError> for CarrierError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.into())
    }
}

/// The row of a key.
#[derive(Deserialize)]
struct Kept {
    carrier: String,
    hash: String,
    expires_at_ms: u64,
}

impl KeyStore for Store {
    fn find<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<StoredKey>, BoxError>> {
        pikku::edge(async move {
            let find = "SELECT carrier, hash, expires_at_ms FROM carrier_keys WHERE id = ?1";
            let Some(kept) = self.query(Statement::new(find, [id.into()])).await?.first::<Kept>()? else {
                return Ok(None);
            };
            let hash = URL_SAFE_NO_PAD.decode(kept.hash)?.try_into().map_err(|_| "what is kept is no hash")?;
            let claims = Claims::new(serde_json::json!({ "carrier": kept.carrier }))
                .with_subject(kept.carrier)
                .with_scopes(Scopes::new(CARRIER.scopes.iter().copied()));
            Ok(Some(StoredKey { hash, claims, expires_at_ms: Some(kept.expires_at_ms) }))
        })
    }
}
