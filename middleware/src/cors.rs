//! Cross-origin resource sharing (Fetch, section 3.3): which other origins' pages may call, and read what is answered.
//!
//! Without it none may: a browser keeps answers from the scripts of other origins, and does not send what is more than a form
//! could do. A policy opens that for the routes that it stands around:
//!
//! ```
//! use pikku_middleware::cors::{Cors, Origins, Policy};
//!
//! struct ShopCors;
//!
//! impl Policy for ShopCors {
//!     const NAME: &'static str = "shop";
//!     const ORIGINS: Origins = Origins::Only(&["https://shop.example"]);
//!     const HEADERS: &'static [&'static str] = &["authorization", "content-type"];
//! }
//! # const NAME: &str = <Cors<ShopCors> as pikku::Middleware>::NAME;
//! # fn app<S: pikku::Selection>() -> pikku::App<S> {
//! # pikku::App::new()
//! // … .middleware::<Cors<ShopCors>>()
//! # .middleware::<Cors<ShopCors>>()
//! # }
//! ```
//!
//! Origins that another deployment has others of, such as a test's, are read when the app starts, by a service:
//! `Cors<ShopCors, FrontEnds>`, see [`KnownOrigins`](crate::KnownOrigins).
//!
//! - An origin is compared octet by octet with those of the policy. `null`, which every sandboxed frame sends, other ports, other
//!   schemes and names that begin or end alike are other origins. What a request says is never sent back unless the policy has it.
//! - A preflight is answered before any session is looked for, as browsers send none with it. Its path need not be wired to
//!   `OPTIONS`; the methods that are allowed are those that are wired. Other requests for `OPTIONS` are answered as without it.
//! - Failures carry the headers too, `401` and what panics among them, so that a page can tell what went wrong. Attached to the
//!   app it also stands around requests that no route takes.
//! - Of several policies around a route the innermost stands alone: what a route, a tag or a group says goes before what the app
//!   says, whether it opens more or less.
//!
//! What cannot be right does not compile, such as cookies for everyone:
//!
//! ```compile_fail,E0080
//! # use pikku_middleware::cors::{Cors, Origins, Policy};
//! struct Everyone;
//!
//! impl Policy for Everyone {
//!     const NAME: &'static str = "everyone";
//!     const ORIGINS: Origins = Origins::Any;
//!     const CREDENTIALS: bool = true;
//! }
//! # const NAME: &str = <Cors<Everyone> as pikku::Middleware>::NAME;
//! ```
//!
//! It keeps browsers from reading, and nobody from calling: requests of other origins that need no preflight are carried out,
//! which [`csrf`](crate::csrf) refuses, and what is no browser does not ask. Who may call is said by sessions and permissions.

use crate::{
    origin::{self, Further, PolicyOnly},
    text::{self, Name, Text},
};
use pikku::{
    BoxFuture, Call, Middleware, Next, Outcome, Problem, Response, StatusCode,
    function::Meta,
    http::{self, HttpRequest, Method, StaticHeader},
    service::{Plan, Scope},
};
use std::marker::PhantomData;

/// Lets the pages of a policy's origins call, and those of a service's [`KnownOrigins`](crate::KnownOrigins). How it is used is
/// told in the [module](self).
#[derive(Debug)]
pub struct Cors<P, O = PolicyOnly>(PhantomData<fn() -> (P, O)>);

/// Which origins' pages may call.
#[derive(Clone, Copy, Debug)]
pub enum Origins {
    /// Those of these, each written as browsers send it: `https://shop.example`, with a port where it is not that of the scheme.
    /// One that no browser sends does not compile.
    Only(&'static [&'static str]),
    /// Those of every origin, also of sandboxed frames and local files. For what anyone may read; cookies are not sent, and a
    /// policy that says [`CREDENTIALS`](Policy::CREDENTIALS) does not compile with it.
    Any,
}

/// What [`Cors`] allows.
pub trait Policy: Send + Sync + 'static {
    /// What `cargo pikku routes --middleware` calls it; unique among those of the app.
    const NAME: &'static str;
    /// Whose pages may call.
    const ORIGINS: Origins;
    /// Whether browsers send cookies, and scripts may read what is answered to them. The pages of these origins can then do all
    /// that the user can.
    const CREDENTIALS: bool = false;
    /// The headers of requests that scripts may set, apart from those that they always may, in lower case.
    const HEADERS: &'static [&'static str] = &["content-type"];
    /// The headers of answers that scripts may read, apart from those that they always may, in lower case.
    const EXPOSED: &'static [&'static str] = &[];
    /// How long browsers keep what a preflight is answered, in seconds. They have limits of their own, the smallest of two hours.
    const MAX_AGE_S: u32 = 600;
}

impl<P: Policy, O: Further> Cors<P, O> {
    const NAMED: &'static Name = {
        let _ = Self::ONLY;
        &text::name("cors", P::NAME)
    };
    const ONLY: Option<&'static [&'static str]> = match P::ORIGINS {
        Origins::Only(origins) => Some(origin::checked(origins)),
        Origins::Any => {
            assert!(!P::CREDENTIALS, "cookies are not for every origin: say which ones, by `Origins::Only`");
            assert!(!O::SOME, "every origin is one already: `Origins::Any` has no further ones");
            None
        }
    };
    const HEADERS: &'static Text<1_024> = &text::tokens(P::HEADERS);
    const EXPOSED: &'static Text<1_024> = &text::tokens(P::EXPOSED);
    const MAX_AGE: &'static Text<10> = &Text::new().with_number(P::MAX_AGE_S);
    const ALLOW_HEADERS: StaticHeader = StaticHeader::new("access-control-allow-headers", Self::HEADERS.as_str());
    const EXPOSE_HEADERS: StaticHeader = StaticHeader::new("access-control-expose-headers", Self::EXPOSED.as_str());
    const KEEP: StaticHeader = StaticHeader::new("access-control-max-age", Self::MAX_AGE.as_str());

    /// The origin as the answer names it; `None` where its pages may not call.
    async fn allowed<'a>(scope: &'a Scope<'a>, request: &'a HttpRequest) -> Result<Option<&'a str>, Problem> {
        let mut origins = request.headers.get_all("origin");
        let (Some(_), None) = (origins.next(), origins.next()) else { return Ok(None) };
        let (Some(origin), Some(only)) = (request.header("origin"), Self::ONLY) else {
            return Ok(Self::ONLY.is_none().then_some("*"));
        };
        let is_allowed = only.contains(&origin) || (O::SOME && O::has(scope, origin).await?);
        Ok(is_allowed.then_some(origin))
    }

    /// Adds what every answer has.
    fn open(call: &Call, origin: Option<&str>) -> Result<(), Problem> {
        if Self::ONLY.is_some() {
            // A cache must not give one origin the answer to another.
            call.add_static_headers([VARY_ORIGIN]);
        }
        let Some(origin) = origin else { return Ok(()) };
        let added = call.add_response_header("access-control-allow-origin", origin);
        added.map_err(|error| Problem::internal(error.to_string()))?;
        if P::CREDENTIALS {
            call.add_static_headers([CREDENTIALS]);
        }
        Ok(())
    }

    fn preflight(call: &Call, request: &HttpRequest, is_allowed: bool) -> Outcome {
        call.add_static_headers([VARY_PREFLIGHT]);
        let asked = request.header("access-control-request-method");
        let method = asked.and_then(|asked| Method::from_bytes(asked.as_bytes()).ok());
        let (true, Some(method)) = (is_allowed, method) else {
            return Err(Problem::new(
                StatusCode::FORBIDDEN,
                "origin_not_allowed",
                "the pages of this origin may not call this",
            ));
        };
        let mut response = Response::new(http::StatusCode::NO_CONTENT);
        let added = response.headers.append("access-control-allow-methods", method.as_str().as_bytes());
        added.map_err(|error| Problem::internal(error.to_string()))?;
        if !P::HEADERS.is_empty() {
            response.headers.append_static(Self::ALLOW_HEADERS);
        }
        response.headers.append_static(Self::KEEP);
        Ok(response.into())
    }
}

const VARY_ORIGIN: StaticHeader = StaticHeader::new("vary", "origin");
const VARY_PREFLIGHT: StaticHeader =
    StaticHeader::new("vary", "access-control-request-method, access-control-request-headers");
const CREDENTIALS: StaticHeader = StaticHeader::new("access-control-allow-credentials", "true");

/// Whether it is a preflight (Fetch, section 3.3.2) of a path that is there.
fn is_preflight(call: &Call, request: &HttpRequest) -> bool {
    request.method == Method::OPTIONS
        && !call.function().is_empty()
        && request.headers.contains("origin")
        && request.headers.contains("access-control-request-method")
}

impl<P: Policy, O: Further> Middleware for Cors<P, O> {
    const NAME: &'static str = Self::NAMED.as_str();
    const META: Meta = meta!("Says which other origins' pages may call.");
    const PREFLIGHT: bool = true;
    const UNROUTED: bool = true;

    fn plan(plan: &mut Plan) {
        O::plan(plan);
    }

    fn handle<'a>(scope: &'a Scope<'a>, next: Next<'a>) -> BoxFuture<'a, Outcome> {
        let call = scope.call();
        let Some(request) = call.http() else { return next.run() };
        Box::pin(async move {
            let origin = Self::allowed(scope, request).await?;
            Self::open(call, origin)?;
            if is_preflight(call, request) {
                return Self::preflight(call, request, origin.is_some());
            }
            if origin.is_some() && !P::EXPOSED.is_empty() {
                call.add_static_headers([Self::EXPOSE_HEADERS]);
            }
            next.run().await
        })
    }
}
