//! How calls are refused that may come again.

use pikku::{Problem, StatusCode, http::Headers};

/// `503` with when to come again (RFC 9110, section 10.2.3).
pub(crate) fn unavailable(code: &'static str, detail: &'static str, after_s: u64) -> Problem {
    retry_after(Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, detail), after_s)
}

/// The same problem, with when to come again.
pub(crate) fn retry_after(problem: Problem, after_s: u64) -> Problem {
    let mut headers = Headers::default();
    // A number is text that headers can carry.
    let _ = headers.append("retry-after", after_s.max(1).to_string().as_bytes());
    problem.with_retry(true).with_headers(headers)
}
