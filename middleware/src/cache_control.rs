//! How long who may keep an answer: `Cache-Control` (RFC 9111, RFC 5861, RFC 8246).
//!
//! ```
//! use pikku_middleware::cache_control::{CacheControl, Directives, Policy};
//!
//! struct Catalogue;
//!
//! impl Policy for Catalogue {
//!     const NAME: &'static str = "catalogue";
//!     const DIRECTIVES: Directives = Directives::public().max_age_s(300).stale_while_revalidate_s(60);
//! }
//! # fn app<S: pikku::Selection>() -> pikku::App<S> {
//! # pikku::App::new()
//! // … .routes("/products/{*rest}", |l| l.middleware::<CacheControl<Catalogue>>())
//! # .routes("/products/{*rest}", |l| l.middleware::<CacheControl<Catalogue>>())
//! # }
//! ```
//!
//! It stands on successes of `GET` and `HEAD`; their failures are `no-store`, and what other methods are answered no cache keeps
//! anyway (RFC 9110, section 9.2.3). What a function says itself stands, and what a route's policy says goes before what the app's
//! says.
//!
//! An answer to one caller is not kept for others: where the call has a session or an `Authorization`, or the answer sets a
//! cookie, directives that do not say `private` give way to `no-store`. A function that reads a cookie by itself is known to nobody
//! else: its policy says `private`.

use crate::text::{self, Name, Text};
use pikku::{
    BoxFuture, Call, Middleware, Next, Outcome, Response,
    function::Meta,
    http::{Method, StaticHeader},
    service::{Plan, Scope},
};
use std::marker::PhantomData;

/// Says how long who may keep an answer. How it is used is told in the [module](self).
#[derive(Debug)]
pub struct CacheControl<P>(PhantomData<fn() -> P>);

/// What [`CacheControl`] says.
pub trait Policy: Send + Sync + 'static {
    /// What `cargo pikku routes --middleware` calls it; unique among those of the app.
    const NAME: &'static str;
    /// What is said of answers.
    const DIRECTIVES: Directives;
}

/// The directives of an answer (RFC 9111, section 5.2.2). Those that contradict each other do not compile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Directives {
    keeps: Keeps,
    no_cache: bool,
    must_revalidate: bool,
    no_transform: bool,
    immutable: bool,
    max_age_s: Option<u32>,
    shared_max_age_s: Option<u32>,
    stale_while_revalidate_s: Option<u32>,
    stale_if_error_s: Option<u32>,
}

/// Who keeps an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keeps {
    Everyone,
    Caller,
    Nobody,
}

impl Directives {
    /// Every cache may keep it: `public`.
    pub const fn public() -> Self {
        Self::of(Keeps::Everyone)
    }

    /// The caller's own cache alone may keep it: `private`.
    pub const fn private() -> Self {
        Self::of(Keeps::Caller)
    }

    /// No cache may keep it: `no-store`.
    pub const fn no_store() -> Self {
        Self::of(Keeps::Nobody)
    }

    const fn of(keeps: Keeps) -> Self {
        Self {
            keeps,
            no_cache: false,
            must_revalidate: false,
            no_transform: false,
            immutable: false,
            max_age_s: None,
            shared_max_age_s: None,
            stale_while_revalidate_s: None,
            stale_if_error_s: None,
        }
    }

    const fn is_kept(&self) {
        assert!(!matches!(self.keeps, Keeps::Nobody), "what no cache keeps has no age");
    }

    /// It is fresh for so many seconds: `max-age`.
    #[must_use]
    pub const fn max_age_s(self, seconds: u32) -> Self {
        self.is_kept();
        Self { max_age_s: Some(seconds), ..self }
    }

    /// The same for caches that several share: `s-maxage`.
    #[must_use]
    pub const fn shared_max_age_s(self, seconds: u32) -> Self {
        assert!(matches!(self.keeps, Keeps::Everyone), "what no shared cache keeps has no age there");
        Self { shared_max_age_s: Some(seconds), ..self }
    }

    /// Once stale it may be used for so many seconds more while a fresh one is fetched: `stale-while-revalidate`
    /// (RFC 5861, section 3).
    #[must_use]
    pub const fn stale_while_revalidate_s(self, seconds: u32) -> Self {
        self.is_kept();
        Self { stale_while_revalidate_s: Some(seconds), ..self }
    }

    /// Once stale it may be used for so many seconds more where there is an error instead: `stale-if-error` (RFC 5861,
    /// section 4).
    #[must_use]
    pub const fn stale_if_error_s(self, seconds: u32) -> Self {
        self.is_kept();
        Self { stale_if_error_s: Some(seconds), ..self }
    }

    /// It is asked after before each use, which [`etag`](crate::etag) answers briefly: `no-cache`.
    #[must_use]
    pub const fn no_cache(self) -> Self {
        self.is_kept();
        Self { no_cache: true, ..self }
    }

    /// Once stale it is not used any more: `must-revalidate`.
    #[must_use]
    pub const fn must_revalidate(self) -> Self {
        self.is_kept();
        Self { must_revalidate: true, ..self }
    }

    /// It does not change while it is fresh: `immutable` (RFC 8246).
    #[must_use]
    pub const fn immutable(self) -> Self {
        self.is_kept();
        Self { immutable: true, ..self }
    }

    /// Nothing on the way writes it anew, nor does [`compression`](crate): `no-transform`.
    #[must_use]
    pub const fn no_transform(self) -> Self {
        Self { no_transform: true, ..self }
    }

    const fn text(self) -> Text<224> {
        let text = Text::new().with(match self.keeps {
            Keeps::Everyone => "public",
            Keeps::Caller => "private",
            Keeps::Nobody => "no-store",
        });
        let text = seconds(text, ", max-age=", self.max_age_s);
        let text = seconds(text, ", s-maxage=", self.shared_max_age_s);
        let text = seconds(text, ", stale-while-revalidate=", self.stale_while_revalidate_s);
        let text = seconds(text, ", stale-if-error=", self.stale_if_error_s);
        let text = flag(text, ", no-cache", self.no_cache);
        let text = flag(text, ", must-revalidate", self.must_revalidate);
        let text = flag(text, ", immutable", self.immutable);
        flag(text, ", no-transform", self.no_transform)
    }
}

const fn seconds<const N: usize>(text: Text<N>, name: &str, seconds: Option<u32>) -> Text<N> {
    match seconds {
        Some(seconds) => text.with(name).with_number(seconds),
        None => text,
    }
}

const fn flag<const N: usize>(text: Text<N>, name: &str, is_said: bool) -> Text<N> {
    if is_said { text.with(name) } else { text }
}

const NO_STORE: StaticHeader = StaticHeader::new("cache-control", "no-store");

impl<P: Policy> CacheControl<P> {
    const NAMED: &'static Name = &text::name("cache_control", P::NAME);
    const TEXT: &'static Text<224> = &P::DIRECTIVES.text();
    const HEADER: StaticHeader = StaticHeader::new("cache-control", Self::TEXT.as_str());

    fn of(call: &Call, response: &Response) -> StaticHeader {
        let has_credentials = call.headers().is_some_and(|headers| headers.contains("authorization"));
        let is_for_one = call.claims().is_some() || has_credentials || response.headers.contains("set-cookie");
        if is_for_one && matches!(P::DIRECTIVES.keeps, Keeps::Everyone) { NO_STORE } else { Self::HEADER }
    }
}

impl<P: Policy> Middleware for CacheControl<P> {
    const NAME: &'static str = Self::NAMED.as_str();
    const META: Meta = meta!("Says how long who may keep an answer.");

    fn plan(_: &mut Plan) {}

    fn handle<'a>(scope: &'a Scope<'a>, next: Next<'a>) -> BoxFuture<'a, Outcome> {
        let call = scope.call();
        if !call.http().is_some_and(|request| [Method::GET, Method::HEAD].contains(&request.method)) {
            return next.run();
        }
        Box::pin(async move {
            match next.respond().await {
                Ok(mut response) => {
                    if !response.headers.contains("cache-control") {
                        let is_failure = response.status.as_u16() >= 400;
                        response.headers.append_static(if is_failure { NO_STORE } else { Self::of(call, &response) });
                    }
                    Ok(response.into())
                }
                Err(problem) => {
                    call.add_static_headers([NO_STORE]);
                    Err(problem)
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::catch_unwind;

    #[test]
    fn directives_are_written_as_http_has_them() {
        for (directives, text) in [
            (Directives::no_store(), "no-store"),
            (Directives::private().no_cache(), "private, no-cache"),
            (Directives::public().max_age_s(31_536_000).immutable(), "public, max-age=31536000, immutable"),
            (
                Directives::public()
                    .max_age_s(u32::MAX)
                    .shared_max_age_s(u32::MAX)
                    .stale_while_revalidate_s(u32::MAX)
                    .stale_if_error_s(u32::MAX)
                    .no_cache()
                    .must_revalidate()
                    .immutable()
                    .no_transform(),
                "public, max-age=4294967295, s-maxage=4294967295, stale-while-revalidate=4294967295, \
                 stale-if-error=4294967295, no-cache, must-revalidate, immutable, no-transform",
            ),
        ] {
            assert_eq!(directives.text().as_str(), text);
        }
        assert!(catch_unwind(|| Directives::no_store().max_age_s(1)).is_err());
        assert!(catch_unwind(|| Directives::private().shared_max_age_s(1)).is_err());
    }
}
