//! HTTP requests.

use crate::log::unexpected;
use base64::{Engine, engine::general_purpose::STANDARD};
use pikku::{Call, Problem, http::Headers};
use schemars::JsonSchema;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// A request as the function saw it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SeenRequest {
    method: String,
    path_segments: Vec<String>,
    route_path_segments: Vec<String>,
    query: Vec<(String, String)>,
    headers: BTreeMap<String, Vec<String>>,
    cookies: Vec<(String, String)>,
    body: SeenBody,
    stage: Option<String>,
    client_ip: Option<String>,
    request_id: Option<String>,
    resource: Option<String>,
}

/// Octets as the function saw them.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SeenBody {
    length: usize,
    sha256: String,
    base64: String,
    utf8: Option<String>,
}

impl SeenBody {
    pub(crate) fn of(body: &[u8]) -> Self {
        Self {
            length: body.len(),
            sha256: Sha256::digest(body).iter().map(|octet| format!("{octet:02x}")).collect(),
            base64: STANDARD.encode(body),
            utf8: std::str::from_utf8(body).ok().map(str::to_owned),
        }
    }
}

/// Headers as the function saw them.
pub(crate) fn headers(given: &Headers) -> BTreeMap<String, Vec<String>> {
    let mut headers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in given.iter() {
        headers.entry(name.to_owned()).or_default().push(String::from_utf8_lossy(value).into_owned());
    }
    headers
}

/// Shows an HTTP request.
#[pikku::function(public)]
pub async fn show_request(call: &Call) -> Result<SeenRequest, Problem> {
    let request = call.http().ok_or_else(|| unexpected(call))?;
    Ok(SeenRequest {
        method: request.method.to_string(),
        path_segments: request.path.segments().map(Into::into).collect(),
        route_path_segments: request.matched_path().segments().map(Into::into).collect(),
        query: request.query.clone(),
        headers: headers(&request.headers),
        cookies: request.cookies.clone(),
        body: SeenBody::of(&request.body),
        stage: request.stage.clone(),
        client_ip: request.client_ip.as_deref().map(str::to_owned),
        request_id: request.request_id.as_deref().map(str::to_owned),
        resource: request.resource.clone(),
    })
}
