//! No requests of other sites: cross-site request forgery.
//!
//! A page of any site can have its visitor's browser send a request, with the visitor's cookies and without a preflight: a form, or
//! a script's request that is no more than a form ("simple" requests). [`Csrf`] refuses with `403` what may change something,
//! that is every method but `GET`, `HEAD` and `OPTIONS`, and the opening of a WebSocket, where a page of another site made it:
//!
//! | what the request says | it is |
//! |---|---|
//! | `Origin` is one that the policy trusts | taken |
//! | `Sec-Fetch-Site: same-origin` or `none`, which is the user by hand | taken |
//! | `Sec-Fetch-Site` of any other value, `same-site` among them, for a neighbour's domain is not the app | refused |
//! | no `Sec-Fetch-Site`, and `Origin` is the host that is asked | taken |
//! | no `Sec-Fetch-Site`, and any other `Origin`, `null` among them | refused |
//! | neither, and no cookie | taken: there is nothing to forge a request with |
//! | neither, and a cookie | refused: see [`Policy::PROGRAMS_WITH_COOKIES`] |
//!
//! That is what the OWASP Cross-Site Request Forgery Prevention Cheat Sheet says of Fetch Metadata and of verifying origins. Browsers
//! have sent `Sec-Fetch-Site` to hosts over TLS since 2023 and `Origin` with every such request since 2020; scripts can set neither.
//! It needs no token in pages, and it rests on `GET` changing nothing.
//!
//! `CookieSessions` of `pikku-auth` looks at the same, by the same code, and gives no session to a request of another site. This is for
//! routes whose cookies are of other making, and for those that take no session at all.
//!
//! ```
//! use pikku_middleware::csrf::{Csrf, Policy};
//!
//! struct Shop;
//!
//! impl Policy for Shop {
//!     const NAME: &'static str = "shop";
//!     // The front end is on another host.
//!     const TRUSTED: &'static [&'static str] = &["https://app.shop.example"];
//! }
//! # fn app<S: pikku::Selection>() -> pikku::App<S> {
//! # pikku::App::new()
//! // … .middleware::<Csrf<Shop>>()
//! # .middleware::<Csrf<Shop>>()
//! # }
//! ```

use crate::{
    origin::{self, Further, PolicyOnly},
    text::{self, Name},
};
use pikku::{
    BoxFuture, Call, Middleware, Next, Outcome, Problem, StatusCode,
    function::Meta,
    http::Initiator,
    service::{Plan, Scope},
};
use std::marker::PhantomData;

/// Refuses what pages of other sites make, but those of a service's [`KnownOrigins`](crate::KnownOrigins). How it is used is told in
/// the [module](self).
#[derive(Debug)]
pub struct Csrf<P = SameOrigin, O = PolicyOnly>(PhantomData<fn() -> (P, O)>);

/// The defaults as they are: no origin but the app's own.
#[derive(Clone, Copy, Debug)]
pub struct SameOrigin;

impl Policy for SameOrigin {
    const NAME: &'static str = "";
}

/// What [`Csrf`] lets through.
pub trait Policy: Send + Sync + 'static {
    /// What `cargo pikku routes --middleware` calls it; unique among those of the app.
    const NAME: &'static str;
    /// The other origins whose pages may change something, as `https://app.example`: those of a front end on another host, or the
    /// app's own where a proxy puts another into `Host` and browsers send no `Sec-Fetch-Site`. One that no browser sends does
    /// not compile.
    const TRUSTED: &'static [&'static str] = &[];
    /// Whether requests with a cookie are taken that do not say who made them: for programs that keep cookies and are no browsers.
    /// A browser older than 2020 is taken for one.
    const PROGRAMS_WITH_COOKIES: bool = false;
}

impl<P: Policy, O: Further> Csrf<P, O> {
    const NAMED: &'static Name = {
        let _ = Self::TRUSTED;
        &text::name("csrf", P::NAME)
    };
    const TRUSTED: &'static [&'static str] = origin::checked(P::TRUSTED);

    /// Whether the constants alone would refuse it.
    fn is_refused(call: &Call) -> bool {
        match Initiator::of(call, |origin| Self::TRUSTED.contains(&origin)) {
            Some(Initiator::Foreign) => true,
            Some(Initiator::Unsaid) if !P::PROGRAMS_WITH_COOKIES => {
                call.headers().is_some_and(|headers| headers.contains("cookie"))
            }
            _ => false,
        }
    }
}

impl<P: Policy, O: Further> Middleware for Csrf<P, O> {
    const NAME: &'static str = Self::NAMED.as_str();
    const META: Meta = meta!("Refuses what pages of other sites make.");

    fn plan(plan: &mut Plan) {
        O::plan(plan);
    }

    fn handle<'a>(scope: &'a Scope<'a>, next: Next<'a>) -> BoxFuture<'a, Outcome> {
        let call = scope.call();
        if !Self::is_refused(call) {
            return next.run();
        }
        Box::pin(async move {
            let origin = call.headers().and_then(|headers| headers.get("origin"));
            if let (true, Some(origin)) = (O::SOME, origin)
                && O::has(scope, origin).await?
            {
                return next.run().await;
            }
            let detail = "a page of another site may have made this request";
            Err(Problem::new(StatusCode::FORBIDDEN, "cross_site_request", detail))
        })
    }
}
