//! What a client has already is not sent again: `ETag` and `If-None-Match` (RFC 9110, sections 8.8.3 and 13.1.2).
//!
//! ```
//! use pikku_middleware::Etag;
//! # fn app<S: pikku::Selection>() -> pikku::App<S> {
//! # pikku::App::new()
//! // … .routes("/products/{*rest}", |l| l.middleware::<Etag>())
//! # .routes("/products/{*rest}", |l| l.middleware::<Etag>())
//! # }
//! ```
//!
//! An answer of `200` to `GET` or `HEAD` gets an `ETag` made of its octets, and where the request has the same in `If-None-Match`
//! it is `304` without a body. The function is called either way: this spares the way, not the work. A function that knows
//! its version without making the answer sets `ETag` itself, which is taken as it is; a body that is made while it is sent
//! has none but that.
//!
//! The tag is strong: it is of SHA-256 over content type, coding and octets, cut to 128 bits. [`Weak`] says `W/`, for answers that
//! something on the way writes anew. Attached further out than `Compression` it is of what is sent; further in,
//! `Compression` makes it weak. What `If-Match` and methods that change something ask is for the function to decide, which knows
//! the state.

use crate::text::{self, Name};
use pikku::{
    BoxFuture, Middleware, Next, Outcome, Response,
    function::Meta,
    http::{Headers, Method, StatusCode},
    service::{Plan, Scope},
};
use sha2::{Digest, Sha256};
use std::{fmt::Write, marker::PhantomData};

/// Does not send what the client has already. How it is used is told in the [module](self).
#[derive(Debug)]
pub struct Etag<K = Strong>(PhantomData<fn() -> K>);

/// Tags of answers that are the same octet by octet.
#[derive(Clone, Copy, Debug)]
pub struct Strong;

/// Tags of answers that mean the same.
#[derive(Clone, Copy, Debug)]
pub struct Weak;

/// Which tags there are.
pub trait Kind: Send + Sync + 'static {
    /// The name of the middleware.
    const NAME: &'static str;
    /// What stands before the tag.
    const PREFIX: &'static str;
}

impl Kind for Strong {
    const NAME: &'static str = "";
    const PREFIX: &'static str = "";
}

impl Kind for Weak {
    const NAME: &'static str = "weak";
    const PREFIX: &'static str = "W/";
}

/// What says something of a body that is not sent.
const OF_THE_BODY: [&str; 5] =
    ["content-type", "content-length", "content-encoding", "content-language", "content-range"];

impl<K: Kind> Etag<K> {
    const NAMED: &'static Name = &text::name("etag", K::NAME);
}

impl<K: Kind> Middleware for Etag<K> {
    const NAME: &'static str = Self::NAMED.as_str();
    const META: Meta = meta!("Does not send what the client has already.");

    fn plan(_: &mut Plan) {}

    fn handle<'a>(scope: &'a Scope<'a>, next: Next<'a>) -> BoxFuture<'a, Outcome> {
        let asks = |request: &&pikku::http::HttpRequest| [Method::GET, Method::HEAD].contains(&request.method);
        let Some(request) = scope.call().http().filter(asks) else { return next.run() };
        Box::pin(async move {
            let mut response = next.respond().await?;
            if response.status != StatusCode::OK {
                return Ok(response.into());
            }
            if !response.headers.contains("etag")
                && let Some(tag) = tag(K::PREFIX, &response)
            {
                // Its octets are those of a tag.
                let _ = response.headers.append("etag", tag.as_bytes());
            }
            let tag = response.headers.get("etag").map(opaque);
            if tag.is_some_and(|tag| is_held(&request.headers, tag)) {
                OF_THE_BODY.iter().for_each(|name| response.headers.remove(name));
                response = Response { status: StatusCode::NOT_MODIFIED, body: pikku::Body::default(), ..response };
            }
            Ok(response.into())
        })
    }
}

/// The tag of an answer; `None` where the octets are not known, and of one without a body, which a route for `HEAD` may give.
fn tag(prefix: &str, response: &Response) -> Option<String> {
    let octets = response.body.whole().filter(|octets| !octets.is_empty())?;
    let mut hash = Sha256::new();
    for name in ["content-type", "content-encoding"] {
        hash.update(response.headers.get(name).unwrap_or_default());
        hash.update([0]);
    }
    hash.update(octets);
    let mut tag = format!("{prefix}\"");
    for octet in &hash.finalize()[..16] {
        let _ = write!(tag, "{octet:02x}");
    }
    tag.push('"');
    Some(tag)
}

/// What tags are compared by: weakly, so whether one is weak does not count (RFC 9110, section 8.8.3.2).
fn opaque(tag: &str) -> &str {
    tag.trim().strip_prefix("W/").unwrap_or(tag.trim())
}

/// Whether `If-None-Match` has the tag, or takes any.
fn is_held(headers: &Headers, tag: &str) -> bool {
    headers
        .get_all("if-none-match")
        .any(|list| list.trim_ascii() == b"*" || tags(list).any(|held| held == tag.as_bytes()))
}

/// The tags of a list, without what says that one is weak. What is none ends the list.
fn tags(mut list: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let separators = list.iter().take_while(|octet| b" \t,".contains(octet)).count();
        list = &list[separators..];
        list = list.strip_prefix(b"W/").unwrap_or(list);
        let end = list.strip_prefix(b"\"")?.iter().position(|octet| *octet == b'"')? + 2;
        let (tag, rest) = list.split_at(end);
        list = rest;
        Some(tag)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(list: &[&str]) -> bool {
        let mut headers = Headers::default();
        list.iter().for_each(|value| headers.append("if-none-match", value.as_bytes()).unwrap());
        is_held(&headers, opaque("W/\"a,b\""))
    }

    #[test]
    fn lists_of_tags_are_compared_weakly() {
        for list in [
            &["\"a,b\""][..],
            &["W/\"a,b\""],
            &["*"],
            &[" * "],
            &["\"x\", \"a,b\""],
            &["\"x\" ,\t, W/\"a,b\",\"y\""],
            &["\"x\"", "\"a,b\""],
        ] {
            assert!(held(list), "{list:?}");
        }
        for list in
            [&[][..], &[""], &["\"a\""], &["a,b"], &["\"a,b"], &["w/\"a,b\""], &["\"*\""], &["\"x\" junk \"a,b\""]]
        {
            assert!(!held(list), "{list:?}");
        }
    }

    #[test]
    fn other_octets_or_another_type_have_another_tag() {
        let of = |content_type, body: &'static str| {
            tag("", &Response::new(StatusCode::OK).with_body(content_type, body)).unwrap()
        };
        let one = of("text/plain", "one");
        assert_eq!((one.len(), &one), (34, &of("text/plain", "one")));
        assert_ne!(one, of("text/plain", "two"));
        assert_ne!(one, of("text/html", "one"));
        assert_eq!(tag("", &Response::new(StatusCode::OK)), None);
    }
}
