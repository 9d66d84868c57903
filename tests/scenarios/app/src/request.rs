//! The request itself, as a function sees it that takes the call.

use pikku::{Call, Problem};
use schemars::JsonSchema;
use serde::Serialize;

/// A request as it was seen.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Seen {
    method: String,
    path: Vec<String>,
    query: Vec<(String, String)>,
    /// Those whose name begins with `x-given-`.
    headers: Vec<(String, String)>,
    cookies: Vec<(String, String)>,
    octets: usize,
}

/// Shows a request.
#[pikku::function(public)]
pub async fn seen(call: &Call) -> Result<Seen, Problem> {
    let request = call.http().ok_or_else(|| Problem::internal("not over HTTP"))?;
    let given = request.headers.iter().filter(|(name, _)| name.starts_with("x-given-"));
    let mut headers: Vec<(String, String)> =
        given.map(|(name, value)| (name.to_owned(), String::from_utf8_lossy(value).into_owned())).collect();
    headers.sort();
    Ok(Seen {
        method: request.method.to_string(),
        path: request.path.segments().map(Into::into).collect(),
        query: request.query.clone(),
        headers,
        cookies: request.cookies.clone(),
        octets: request.body.len(),
    })
}
