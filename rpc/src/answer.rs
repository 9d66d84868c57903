//! What the other service says, read.

use crate::{Failure, Refusal};
use pikku::{StatusCode, Violation, http::transport::Answer, json};
use serde::{Deserialize, de::DeserializeOwned};
use std::time::Duration;

/// The envelope of an error, as far as it is looked at.
#[derive(Deserialize)]
struct Envelope {
    #[serde(default)]
    detail: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    errors: Vec<Violation>,
}

/// The output of a function, or the error that it was answered with.
pub(crate) fn read<T: DeserializeOwned>(answer: &Answer, most: usize) -> Result<T, Failure> {
    let Answer { status, body, .. } = answer;
    let not_understood = |reason: String| Failure::NotUnderstood(*status, reason);
    match status {
        200..=299 => {
            let is_nothing = *status == 204 && body.is_empty();
            if body.is_empty() && !is_nothing {
                return Err(not_understood(format!("it is empty, broke off, or has more than {most} octets")));
            }
            let text = if is_nothing { b"null" } else { &body[..] };
            json::from_slice(text)
                .map_err(|error| not_understood(format!("it is not the output of the function: {error}")))
        }
        400..=599 if is_problem(answer) => {
            let envelope: Envelope = json::from_slice(body).map_err(|error| not_understood(error.to_string()))?;
            Err(Failure::Refused(Refusal {
                status: StatusCode::new(*status),
                code: envelope.code,
                detail: envelope.detail,
                errors: envelope.errors,
                retry_after: answer
                    .retry_after
                    .as_deref()
                    .and_then(|after| after.trim().parse().ok())
                    .map(Duration::from_secs),
            }))
        }
        _ => Err(not_understood("it is neither a success nor an error of a function".to_owned())),
    }
}

/// Whether it is an envelope of problem details (RFC 9457, section 3).
fn is_problem(answer: &Answer) -> bool {
    let content_type = answer.content_type.as_deref().unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/problem+json")
}
