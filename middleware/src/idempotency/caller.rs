//! The key of a call: what its caller says, bound to the caller.

use super::fingerprint;
use crate::store::StoreKey;
use pikku::{
    Call, Problem, StatusCode,
    http::{Headers, Method},
};
use std::borrow::Cow;

const HEADER: &str = "idempotency-key";
/// The most octets of a key over HTTP.
const LONGEST: usize = 255;

/// The key of a call.
pub(super) struct Keyed {
    pub(super) key: StoreKey,
    /// Whether it came over HTTP and nobody knows who sent it.
    pub(super) is_of_stranger: bool,
}

/// Whether a client could give the call a key.
pub(super) fn may_have_key(call: &Call) -> bool {
    let is_safe = |method: &Method| [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE].contains(method);
    call.http().is_some_and(|request| !is_safe(&request.method))
}

/// The key; `None` of a call without.
pub(super) fn key(call: &Call) -> Result<Option<Keyed>, Problem> {
    let Some((transport, source, key)) = given(call)? else { return Ok(None) };
    let claims = call.claims();
    // Who has no subject is known by all that is said of it, and never taken for another.
    let (kind, caller) = match claims {
        Some(claims) => match claims.subject() {
            Some(subject) => ("subject", Cow::Borrowed(subject.as_bytes())),
            None => ("claims", Cow::Owned(fingerprint::of_value(claims.value()).to_vec())),
        },
        None => ("nobody", Cow::Borrowed(&b""[..])),
    };
    let parts = [
        b"pikku idempotency 1",
        call.function().as_bytes(),
        transport.as_bytes(),
        source.as_bytes(),
        kind.as_bytes(),
        &caller,
        key.as_bytes(),
    ];
    Ok(Some(Keyed { key: StoreKey::of(&parts), is_of_stranger: call.http().is_some() && claims.is_none() }))
}

type Given<'a> = (&'static str, &'a str, Cow<'a, str>);

/// The transport, the source and the key.
fn given(call: &Call) -> Result<Option<Given<'_>>, Problem> {
    if let Some(request) = call.http() {
        return if may_have_key(call) {
            Ok(of_header(&request.headers)?.map(|key| ("http", "", key)))
        } else {
            Ok(None)
        };
    }
    let borrowed = Cow::Borrowed;
    let (transport, source, key) = if let Some(message) = call.queue() {
        let deduplication = message.deduplication_id.as_deref().filter(|id| !id.is_empty());
        // An id of either kind is not taken for one of the other.
        match deduplication {
            Some(id) => ("queue, deduplicated", message.queue.as_str(), borrowed(id)),
            None => ("queue", message.queue.as_str(), borrowed(message.id.as_str())),
        }
    } else if let Some(message) = call.topic() {
        ("topic", message.topic.as_str(), borrowed(message.id.as_str()))
    } else if let Some(event) = call.event() {
        ("event", event.source.as_str(), borrowed(event.id.as_str()))
    } else if let Some(record) = call.stream() {
        ("stream", record.stream.as_str(), borrowed(record.id.as_str()))
    } else if let Some(change) = call.table() {
        ("table", change.table.as_str(), borrowed(change.id.as_str()))
    } else if let Some(run) = call.schedule() {
        let time = run.time_ms.map_or(borrowed(run.time.as_str()), |time| Cow::Owned(time.to_string()));
        ("schedule", run.schedule.as_str(), time)
    } else {
        return Ok(None);
    };
    Ok(if key.is_empty() { None } else { Some((transport, source, key)) })
}

fn of_header(headers: &Headers) -> Result<Option<Cow<'_, str>>, Problem> {
    let mut values = headers.get_all(HEADER);
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(malformed("the header `Idempotency-Key` is there twice"));
    }
    let value = std::str::from_utf8(value).ok().and_then(|value| read(value.trim_matches([' ', '\t'])));
    match value {
        Some(key) if key.len() > LONGEST => Err(malformed("the key of `Idempotency-Key` has more than 255 octets")),
        Some(key) if !key.is_empty() => Ok(Some(key)),
        _ => Err(malformed("the header `Idempotency-Key` is a string in quotes, such as a UUID")),
    }
}

fn malformed(detail: &'static str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "idempotency_key_malformed", detail)
}

/// A string of HTTP (RFC 9651, section 3.3.3), or the same without quotes and escapes, as many clients write it.
fn read(value: &str) -> Option<Cow<'_, str>> {
    let is_bare = |octet: u8| octet.is_ascii_alphanumeric() || b"-._~+/=:@".contains(&octet);
    let Some(quoted) = value.strip_prefix('"') else {
        return value.bytes().all(is_bare).then_some(Cow::Borrowed(value));
    };
    let quoted = quoted.strip_suffix('"')?;
    if !quoted.bytes().all(|octet| (0x20..0x7f).contains(&octet)) {
        return None;
    }
    if !quoted.contains(['"', '\\']) {
        return Some(Cow::Borrowed(quoted));
    }
    let (mut key, mut characters) = (String::with_capacity(quoted.len()), quoted.chars());
    while let Some(character) = characters.next() {
        key.push(match character {
            '\\' => characters.next().filter(|escaped| ['"', '\\'].contains(escaped))?,
            '"' => return None,
            other => other,
        });
    }
    Some(Cow::Owned(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_strings_of_http_or_bare() {
        for (value, key) in [
            (r#""8e03978e-40d5-43dd""#, "8e03978e-40d5-43dd"),
            ("8e03978e-40d5-43dd", "8e03978e-40d5-43dd"),
            (r#""a b, c;d""#, "a b, c;d"),
            (r#""a\"b\\c""#, r#"a"b\c"#),
        ] {
            assert_eq!(read(value).as_deref(), Some(key), "{value}");
        }
        for value in [
            r#"""#,
            r#""a"#,
            r#"a""#,
            r#""a"b""#,
            r#""a\""#,
            r#""a\n""#,
            "a b",
            "a,b",
            "\"é\"",
            "\"\u{7f}\"",
            "\"a\";p=1",
        ] {
            assert_eq!(read(value), None, "{value}");
        }
    }

    #[test]
    fn a_header_has_one_key_of_some_length() {
        let with = |values: &[&str]| {
            let mut headers = Headers::default();
            values.iter().for_each(|value| headers.append("Idempotency-Key", value.as_bytes()).unwrap());
            of_header(&headers).map(|key| key.map(Cow::into_owned)).map_err(|problem| problem.code().to_owned())
        };
        let (longest, longer) = ("k".repeat(255), "k".repeat(256));
        assert_eq!(with(&[]), Ok(None));
        assert_eq!(with(&[&longest]), Ok(Some(longest.clone())));
        for values in [&[longer.as_str()][..], &["one", "two"], &["one", "one"], &[""], &["\"\""], &["\u{e9}"]] {
            assert_eq!(with(values), Err("idempotency_key_malformed".to_owned()), "{values:?}");
        }
    }
}
