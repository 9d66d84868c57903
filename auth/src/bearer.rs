//! The token of an `Authorization: Bearer` header (RFC 6750, section 2.1).

use pikku::{AuthError, Call};

/// The token that a call bears; `None` where it has no `Authorization`, or one of another scheme.
///
/// Tokens in the query or in a form (RFC 6750, sections 2.2 and 2.3) are not looked at: they end up in logs.
///
/// # Errors
///
/// The header is given twice, or what follows the scheme is no token.
pub fn token(call: &Call) -> Result<Option<&str>, AuthError> {
    let Some(headers) = call.headers() else { return Ok(None) };
    let mut values = headers.get_all("authorization");
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(AuthError::malformed("`Authorization` is given twice"));
    }
    let Ok(value) = std::str::from_utf8(value) else {
        return Err(AuthError::malformed("`Authorization` is no text"));
    };
    let (scheme, rest) = value.split_once(' ').unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Ok(None);
    }
    let token = rest.trim_matches(' ');
    if is_token68(token) { Ok(Some(token)) } else { Err(AuthError::malformed("what follows `Bearer` is no token")) }
}

/// The octets of a token (RFC 9110, section 11.2).
const TOKEN68: [bool; 256] = {
    let mut octets = [false; 256];
    let mut octet = 0;
    while octet < 256 {
        octets[octet] =
            matches!(octet as u8, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'+' | b'/');
        octet += 1;
    }
    octets
};

fn is_token68(text: &str) -> bool {
    let bare = text.trim_end_matches('=');
    !bare.is_empty() && bare.bytes().all(|octet| TOKEN68[usize::from(octet)])
}
