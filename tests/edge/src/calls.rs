//! Remote procedure calls, made by the Worker's own `fetch` to a Worker.

use crate::callers::AppCallers;
use pikku::{Call, Claims, Problem};
use pikku_rpc::{Remote, Rpc, RpcError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The Workers of the group themselves, as another service.
#[derive(Debug)]
pub struct Parcels;

impl Remote for Parcels {
    const NAME: &'static str = "parcels";
    const URL: &'static str = "PARCELS_URL";
    const TIMEOUT_MS: u32 = 1_000;
    const MOST_OCTETS: u32 = 1_024;
    #[cfg(target_family = "wasm")]
    type Transport = pikku_cloudflare::WorkerFetch;
    #[cfg(not(target_family = "wasm"))]
    type Transport = Nowhere;
    type Signer = AppCallers;
}

/// What a parcel is asked about.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
pub struct Asked {
    id: u32,
}

/// What is known of it.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
pub struct Known {
    id: u32,
    of: String,
    trace: Option<String>,
    left_ms: u64,
    padding: String,
}

/// Says of a parcel whose it is.
#[pikku::function(scopes = ["parcels"])]
pub async fn parcel_of(call: &Call, asked: Asked) -> Result<Known, Problem> {
    if asked.id == 404 {
        return Err(Problem::new(pikku::StatusCode::new(404), "no_such_parcel", "there is no such parcel"));
    }
    Ok(Known {
        id: asked.id,
        of: call.claims().and_then(Claims::subject).unwrap_or_default().to_owned(),
        trace: call.trace().map(str::to_owned),
        left_ms: call.remaining().map_or(0, |left| left.as_millis() as u64),
        padding: if asked.id == 2_000 { "x".repeat(2_000) } else { String::new() },
    })
}

/// Asks the other service.
#[pikku::function(public)]
pub async fn ask_for_parcel(parcels: &Rpc<Parcels>, asked: Asked) -> Result<Known, RpcError> {
    parcels.call::<parcel_of>(&asked).await
}

#[cfg(not(target_family = "wasm"))]
pub use nowhere::Nowhere;

#[cfg(not(target_family = "wasm"))]
mod nowhere {
    use pikku::{
        BoxError, BoxFuture,
        http::transport::{Answer, OutgoingRequest, Transport},
    };

    /// There is no `fetch` here.
    #[derive(Debug, Default)]
    pub struct Nowhere;

    impl Transport for Nowhere {
        fn post<'a>(&'a self, _: OutgoingRequest<'a>) -> BoxFuture<'a, Result<Answer, BoxError>> {
            Box::pin(std::future::ready(Err("nothing is called from here".into())))
        }
    }
}
