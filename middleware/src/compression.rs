//! Answers in fewer octets: gzip (RFC 1952), where the client takes it (RFC 9110, section 12.5.3).
//!
//! ```
//! use pikku_middleware::compression::Compression;
//! # fn app<S: pikku::Selection>() -> pikku::App<S> {
//! # pikku::App::new()
//! // … .routes("/products/{*rest}", |l| l.middleware::<Compression>())
//! # .routes("/products/{*rest}", |l| l.middleware::<Compression>())
//! # }
//! ```
//!
//! Texts are compressed: `text/…`, JSON, XML, JavaScript, SVG, WebAssembly. What is compressed already is not, nor are bodies under a
//! kilobyte, parts of bodies, bodies that are made while they are sent, what says `no-transform`, and problems. An answer that
//! would have been another for another client has `Vary: accept-encoding`. A strong `ETag` becomes weak, as the octets are others.
//!
//! **Secrets.** The size of what is compressed tells of its content. Whoever has a victim's browser send requests, has what
//! he writes answered in the same body as a secret, and sees how long the answers are, learns the secret (BREACH). So answers to
//! calls that have a session by a cookie are not compressed, nor those that set cookies; a token that a page has to add itself, such
//! as a bearer's, no other site can have sent. See [`Policy::COOKIE_SESSIONS`].
//!
//! CloudFront, Cloudflare, Azure Front Door and most proxies compress by themselves, and spare the function the work: this is for
//! a server without one, and for Lambda behind an API Gateway.

use crate::text::{self, Name};
use flate2::{Compression as Level, write::GzEncoder};
use pikku::{
    BoxFuture, Call, Middleware, Next, Outcome, Problem, Response,
    function::Meta,
    http::{Headers, Method, StaticHeader, StatusCode},
    service::{Plan, Scope},
};
use std::{io::Write, marker::PhantomData};

/// Sends answers in fewer octets. How it is used is told in the [module](self).
#[derive(Debug)]
pub struct Compression<P = Texts>(PhantomData<fn() -> P>);

/// The defaults as they are.
#[derive(Clone, Copy, Debug)]
pub struct Texts;

impl Policy for Texts {
    const NAME: &'static str = "";
}

/// What [`Compression`] compresses.
pub trait Policy: Send + Sync + 'static {
    /// What `cargo pikku routes --middleware` calls it; unique among those of the app.
    const NAME: &'static str;
    /// The fewest octets that are worth it.
    const MIN_OCTETS: usize = 1_024;
    /// How hard to try, 1 to 9.
    const LEVEL: u32 = 6;
    /// Whether answers to calls with a session by a cookie are compressed: where none of them has both a secret and what the
    /// request said, or the cookie is `SameSite=Strict`.
    const COOKIE_SESSIONS: bool = false;
}

const VARY: StaticHeader = StaticHeader::new("vary", "accept-encoding");
const ENCODING: StaticHeader = StaticHeader::new("content-encoding", "gzip");

impl<P: Policy> Compression<P> {
    const NAMED: &'static Name = &text::name("compression", P::NAME);
    const LEVEL: Level = {
        assert!(1 <= P::LEVEL && P::LEVEL <= 9, "gzip has the levels 1 to 9");
        Level::new(P::LEVEL)
    };

    /// Whether the answer may be compressed, for a client that takes it.
    fn is_fit(call: &Call, response: &Response) -> bool {
        let Response { status, headers, body } = response;
        let has_cookie_session =
            call.claims().is_some() && call.headers().is_some_and(|headers| headers.contains("cookie"));
        body.whole().is_some_and(|octets| octets.len() >= P::MIN_OCTETS)
            && *status != StatusCode::PARTIAL_CONTENT
            && headers.get("content-type").is_some_and(is_text)
            && !["content-encoding", "content-range", "content-digest", "set-cookie"]
                .iter()
                .any(|name| headers.contains(name))
            && !headers.get_all("cache-control").any(|value| has_directive(value, b"no-transform"))
            && (P::COOKIE_SESSIONS || !has_cookie_session)
    }

    fn compress(mut response: Response) -> Result<Response, Problem> {
        let Some(octets) = response.body.whole() else { return Ok(response) };
        let mut encoder = GzEncoder::new(Vec::with_capacity(octets.len() / 2), Self::LEVEL);
        let compressed = encoder.write_all(octets).and_then(|()| encoder.finish());
        let compressed =
            compressed.map_err(|error| Problem::internal(format!("an answer was not compressed: {error}")))?;
        if compressed.len() >= octets.len() {
            return Ok(response);
        }
        response.body = compressed.into();
        response.headers.remove("content-length");
        response.headers.append_static(ENCODING);
        if let Some(strong) = response.headers.get("etag").filter(|tag| tag.starts_with('"')) {
            let weak = format!("W/{strong}");
            response.headers.remove("etag");
            response.headers.append("etag", weak.as_bytes()).map_err(|error| Problem::internal(error.to_string()))?;
        }
        Ok(response)
    }
}

impl<P: Policy> Middleware for Compression<P> {
    const NAME: &'static str = Self::NAMED.as_str();
    const META: Meta = meta!("Sends answers in fewer octets.");

    fn plan(_: &mut Plan) {}

    fn handle<'a>(scope: &'a Scope<'a>, next: Next<'a>) -> BoxFuture<'a, Outcome> {
        let call = scope.call();
        let Some(request) = call.http() else { return next.run() };
        Box::pin(async move {
            let mut response = next.respond().await?;
            if !Self::is_fit(call, &response) {
                return Ok(response.into());
            }
            response.headers.append_static(VARY);
            // What is not sent is not worth the work.
            if request.method != Method::HEAD && takes_gzip(&request.headers) {
                response = Self::compress(response)?;
            }
            Ok(response.into())
        })
    }
}

/// Whether a content type is of what compresses well.
fn is_text(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.split_once('/') {
        // Its events are to arrive one by one.
        Some(("text", "event-stream")) => false,
        Some(("text", _)) => true,
        Some(("application", subtype)) if ["json", "xml", "javascript", "wasm", "x-ndjson"].contains(&subtype) => true,
        Some((_, subtype)) => subtype.ends_with("+json") || subtype.ends_with("+xml"),
        None => false,
    }
}

fn has_directive(value: &[u8], directive: &[u8]) -> bool {
    value.split(|octet| *octet == b',').any(|one| one.trim_ascii().eq_ignore_ascii_case(directive))
}

/// Whether gzip is taken, and not liked less than what is not compressed. A client that says nothing gets what every client
/// understands.
fn takes_gzip(headers: &Headers) -> bool {
    let (mut gzip, mut any, mut identity) = (None, None, None);
    let listed = headers.get_all("accept-encoding").filter_map(|value| std::str::from_utf8(value).ok());
    for one in listed.flat_map(|list| list.split(',')) {
        let (coding, weight) = one.split_once(';').unwrap_or((one, ""));
        let (coding, weight) = (coding.trim(), weight_of(weight));
        if coding.eq_ignore_ascii_case("gzip") || coding.eq_ignore_ascii_case("x-gzip") {
            gzip = Some(weight);
        } else if coding == "*" {
            any = Some(weight);
        } else if coding.eq_ignore_ascii_case("identity") {
            identity = Some(weight);
        }
    }
    let gzip = gzip.or(any).unwrap_or(0);
    gzip > 0 && gzip >= identity.unwrap_or(0)
}

/// The weight of a coding in thousandths (RFC 9110, section 12.4.2); 1000 where none is said, 0 for what is no weight.
fn weight_of(parameter: &str) -> u16 {
    let parameter = parameter.trim();
    if parameter.is_empty() {
        return 1_000;
    }
    let value = parameter
        .split_once('=')
        .filter(|(name, _)| name.trim().eq_ignore_ascii_case("q"))
        .map(|(_, value)| value.trim());
    let (whole, fraction) = match value {
        Some(value) => value.split_once('.').unwrap_or((value, "")),
        None => return 0,
    };
    let is_fraction = fraction.len() <= 3 && fraction.bytes().all(|octet| octet.is_ascii_digit());
    match (whole, format!("{fraction:0<3}").parse()) {
        ("1", Ok(0)) if is_fraction => 1_000,
        ("0", Ok(thousandths)) if is_fraction => thousandths,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_decide_what_is_taken() {
        let takes = |values: &[&str]| {
            let mut headers = Headers::default();
            values.iter().for_each(|value| headers.append("accept-encoding", value.as_bytes()).unwrap());
            takes_gzip(&headers)
        };
        for values in [
            &["gzip"][..],
            &["GZIP"],
            &["x-gzip"],
            &["br, gzip;q=0.8"],
            &["deflate", "gzip ; q=0.001"],
            &["*"],
            &["gzip;q=1.000, identity;q=0.5"],
            &["gzip;q=0.5, identity;q=0.5"],
            &["gzip, *;q=0"],
        ] {
            assert!(takes(values), "{values:?}");
        }
        for values in [
            &[][..],
            &[""],
            &["br"],
            &["identity"],
            &["gzip;q=0"],
            &["gzip;q=0.000"],
            &["gzip;q=0, *"],
            &["*;q=0"],
            &["gzip;q=0.1, identity;q=0.2"],
            &["gzip;q=2"],
            &["gzip;q=0.1234"],
            &["gzip;q=é"],
            &["gzip;level=9"],
            &["gzipped"],
        ] {
            assert!(!takes(values), "{values:?}");
        }
    }

    #[test]
    fn texts_are_known_by_their_type() {
        for content_type in [
            "text/html; charset=utf-8",
            "application/json",
            "Application/Problem+JSON",
            "image/svg+xml",
            "application/wasm",
            "text/csv",
        ] {
            assert!(is_text(content_type), "{content_type}");
        }
        for content_type in
            ["image/png", "text/event-stream", "application/zip", "application/octet-stream", "json", ""]
        {
            assert!(!is_text(content_type), "{content_type}");
        }
    }
}
