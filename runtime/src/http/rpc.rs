//! What a remote procedure call is over HTTP: where it goes, and how long it may take.

use super::Headers;
use crate::{Function, Problem, text::Text};
use std::marker::PhantomData;

/// The header that says how many milliseconds the caller waits: digits alone. A call ends then at the latest.
pub const RPC_TIMEOUT: &str = "pikku-timeout-ms";

/// The longest path, in octets.
const LONGEST: usize = 256;

/// The path of remote procedure calls of a function, as routes are written: `/rpc/<name>`.
pub fn rpc_path<F: Function>() -> &'static str {
    PathOf::<F>::TEXT.as_str()
}

struct PathOf<F>(PhantomData<F>);

impl<F: Function> PathOf<F> {
    const TEXT: &'static Text<LONGEST> = &Text::new().with("/rpc/").with(F::NAME);
}

/// How long the caller of a remote procedure call waits; `None` where it does not say.
pub(crate) fn timeout_ms(headers: &Headers) -> Result<Option<u32>, Problem> {
    let mut values = headers.get_all(RPC_TIMEOUT);
    let Some(value) = values.next() else { return Ok(None) };
    let digits = str::from_utf8(value).ok().filter(|value| value.bytes().all(|octet| octet.is_ascii_digit()));
    match (digits.and_then(|digits| digits.parse().ok()), values.next()) {
        (Some(timeout), None) => Ok(Some(timeout)),
        _ => Err(Problem::malformed("the header `pikku-timeout-ms` is one whole number of milliseconds")),
    }
}
