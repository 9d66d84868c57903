//! Headers that tell browsers what they may do with an answer.
//!
//! ```
//! use pikku_middleware::security_headers::{Policy, SecurityHeaders};
//!
//! /// For pages, which load scripts and styles of their own and may be embedded by the app's other pages.
//! struct Pages;
//!
//! impl Policy for Pages {
//!     const NAME: &'static str = "pages";
//!     const CONTENT_SECURITY_POLICY: Option<&'static str> =
//!         Some("default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'; object-src 'none'");
//!     const FRAME_OPTIONS: Option<&'static str> = Some("SAMEORIGIN");
//! }
//! # fn app<S: pikku::Selection>() -> pikku::App<S> {
//! # pikku::App::new()
//! // … .routes("/pages/{*rest}", |l| l.middleware::<SecurityHeaders<Pages>>())
//! # .routes("/pages/{*rest}", |l| l.middleware::<SecurityHeaders<Pages>>())
//! # }
//! ```
//!
//! The defaults are those that the OWASP Secure Headers Project recommends and its REST Security Cheat Sheet asks of interfaces:
//! an answer is data, which no page shows, frames or runs. Attached to the app they are on every answer, also on those to
//! requests that no route takes.
//!
//! Each header is a constant: another value, or `None` to leave it out. What a function sets itself stands, and so does what
//! middleware nearer to it sets: the policy of a route goes before that of the app.

use crate::text::{self, Name};
use pikku::{
    BoxFuture, Middleware, Next, Outcome,
    function::Meta,
    http::StaticHeader,
    service::{Plan, Scope},
};
use std::marker::PhantomData;

/// Adds the headers of a policy to every answer over HTTP. How it is used is told in the [module](self).
#[derive(Debug)]
pub struct SecurityHeaders<P = Recommended>(PhantomData<fn() -> P>);

/// The defaults as they are.
#[derive(Clone, Copy, Debug)]
pub struct Recommended;

impl Policy for Recommended {
    const NAME: &'static str = "";
}

/// What [`SecurityHeaders`] adds. A value that HTTP does not allow does not compile.
pub trait Policy: Send + Sync + 'static {
    /// What `cargo pikku routes --middleware` calls it; unique among those of the app.
    const NAME: &'static str;
    /// `Strict-Transport-Security` (RFC 6797): the host is reached over TLS alone, for a year. Browsers heed it only where it came
    /// over TLS. With `preload` it is for good, which is the domain owner's to say.
    const STRICT_TRANSPORT_SECURITY: Option<&'static str> = Some("max-age=31536000; includeSubDomains");
    /// `Content-Security-Policy` (W3C CSP 3): an answer that is shown after all loads nothing, sends nothing and stands in no frame.
    /// `default-src` does not count for `base-uri`, `form-action` and `frame-ancestors`: they are said each.
    const CONTENT_SECURITY_POLICY: Option<&'static str> =
        Some("default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'");
    /// `X-Frame-Options` (HTML, section 7.6), for browsers that do not know `frame-ancestors`.
    const FRAME_OPTIONS: Option<&'static str> = Some("DENY");
    /// `X-Content-Type-Options` (Fetch, section 3.6): the content is of the type that it says and no other.
    const CONTENT_TYPE_OPTIONS: Option<&'static str> = Some("nosniff");
    /// `Referrer-Policy` (W3C Referrer Policy): nobody is told the address.
    const REFERRER_POLICY: Option<&'static str> = Some("no-referrer");
    /// `Cross-Origin-Opener-Policy` (HTML, section 7.1.3): no other origin's window holds this one.
    const CROSS_ORIGIN_OPENER_POLICY: Option<&'static str> = Some("same-origin");
    /// `Cross-Origin-Resource-Policy` (Fetch, section 3.7): no other origin's page embeds it. Requests that scripts make are
    /// for CORS to allow, whatever this says.
    const CROSS_ORIGIN_RESOURCE_POLICY: Option<&'static str> = Some("same-origin");
    /// `Permissions-Policy` (W3C): what is shown uses nothing of the device.
    const PERMISSIONS_POLICY: Option<&'static str> = Some(
        "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), \
         midi=(), payment=(), publickey-credentials-get=(), screen-wake-lock=(), usb=(), xr-spatial-tracking=()",
    );
}

impl<P: Policy> SecurityHeaders<P> {
    const NAMED: &'static Name = &text::name("security_headers", P::NAME);
    const HEADERS: [Option<StaticHeader>; 8] = [
        header("strict-transport-security", P::STRICT_TRANSPORT_SECURITY),
        header("content-security-policy", P::CONTENT_SECURITY_POLICY),
        header("x-frame-options", P::FRAME_OPTIONS),
        header("x-content-type-options", P::CONTENT_TYPE_OPTIONS),
        header("referrer-policy", P::REFERRER_POLICY),
        header("cross-origin-opener-policy", P::CROSS_ORIGIN_OPENER_POLICY),
        header("cross-origin-resource-policy", P::CROSS_ORIGIN_RESOURCE_POLICY),
        header("permissions-policy", P::PERMISSIONS_POLICY),
    ];
}

const fn header(name: &'static str, value: Option<&'static str>) -> Option<StaticHeader> {
    match value {
        Some(value) => Some(StaticHeader::new(name, value)),
        None => None,
    }
}

impl<P: Policy> Middleware for SecurityHeaders<P> {
    const NAME: &'static str = Self::NAMED.as_str();
    const META: Meta = meta!("Tells browsers what they may do with an answer.");
    const UNROUTED: bool = true;

    fn plan(_: &mut Plan) {}

    fn handle<'a>(scope: &'a Scope<'a>, next: Next<'a>) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let outcome = next.run().await;
            // Of two headers the first stands: what is nearer to the function adds its own before this.
            if scope.call().http().is_some() {
                scope.call().add_static_headers(Self::HEADERS.into_iter().flatten());
            }
            outcome
        })
    }
}
