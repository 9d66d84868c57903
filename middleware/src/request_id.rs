//! An id for each request, on its answer.
//!
//! Every call has an id, which stands in each line of its log: the platform's own of the invocation. [`RequestId`] puts it on the
//! answer, so that whoever reports a failure can say which one.
//!
//! A proxy in front may have given the request an id already. A client can write that header as well, and would then choose what
//! the log says; so it is taken only where the policy says that a proxy sets it, and only where it is well-formed: up to 128
//! letters, digits and `-._~+/=:@`. The log then has one line with both.
//!
//! ```
//! use pikku_middleware::request_id::{Policy, RequestId};
//!
//! /// The load balancer sets `x-request-id` and drops what clients say there.
//! struct Balanced;
//!
//! impl Policy for Balanced {
//!     const NAME: &'static str = "balanced";
//!     const PROXY_SETS_IT: bool = true;
//! }
//! # fn app<S: pikku::Selection>() -> pikku::App<S> {
//! # pikku::App::new()
//! // … .middleware::<RequestId<Balanced>>()
//! # .middleware::<RequestId<Balanced>>()
//! # }
//! ```
//!
//! The plain server does this by itself: the id of a call is the proxy's where it is told that it stands behind one
//! (`PIKKU_PROXIES`), made otherwise, and on every answer.

use crate::text::{self, Name};
use pikku::{
    BoxFuture, Middleware, Next, Outcome,
    function::Meta,
    http::{HttpRequest, StaticHeader},
    platform::Level,
    service::{Plan, Scope},
};
use std::marker::PhantomData;

/// Puts an id on each answer. How it is used is told in the [module](self).
#[derive(Debug)]
pub struct RequestId<P = OfCall>(PhantomData<fn() -> P>);

/// The defaults as they are: the call's own id, whatever the request says.
#[derive(Clone, Copy, Debug)]
pub struct OfCall;

impl Policy for OfCall {
    const NAME: &'static str = "";
}

/// Where the id comes from.
pub trait Policy: Send + Sync + 'static {
    /// What `cargo pikku routes --middleware` calls it; unique among those of the app.
    const NAME: &'static str;
    /// The header of requests and answers, in lower case.
    const HEADER: &'static str = "x-request-id";
    /// Whether a proxy in front of the app sets it, whatever the client says.
    const PROXY_SETS_IT: bool = false;
}

impl<P: Policy> RequestId<P> {
    const NAMED: &'static Name = &text::name("request_id", P::NAME);
    /// The name is checked when it is compiled.
    const HEADER: &'static str = {
        let _ = StaticHeader::new(P::HEADER, "");
        P::HEADER
    };

    /// The proxy's id of the request.
    fn given(request: &HttpRequest) -> Option<&str> {
        let mut given = request.headers.get_all(Self::HEADER);
        let (id, None) = (given.next()?, given.next()) else { return None };
        std::str::from_utf8(id).ok().filter(|id| is_well_formed(id))
    }
}

fn is_well_formed(id: &str) -> bool {
    let is_taken = |octet: u8| octet.is_ascii_alphanumeric() || b"-._~+/=:@".contains(&octet);
    (1..=128).contains(&id.len()) && id.bytes().all(is_taken)
}

impl<P: Policy> Middleware for RequestId<P> {
    const NAME: &'static str = Self::NAMED.as_str();
    const META: Meta = meta!("Puts an id on each answer.");
    const UNROUTED: bool = true;

    fn plan(_: &mut Plan) {}

    fn handle<'a>(scope: &'a Scope<'a>, next: Next<'a>) -> BoxFuture<'a, Outcome> {
        let call = scope.call();
        let Some(request) = call.http() else { return next.run() };
        let given = if P::PROXY_SETS_IT { Self::given(request) } else { None };
        if let Some(given) = given.filter(|given| *given != call.id()) {
            call.log(Level::Info, "the proxy has an id of its own for this request", Some(given));
        }
        // A platform's id that no header can carry is left out.
        let _ = call.add_response_header(Self::HEADER, given.unwrap_or(call.id()));
        next.run()
    }
}

#[cfg(test)]
mod tests {
    use super::is_well_formed;

    #[test]
    fn ids_are_short_and_visible() {
        let long = "a".repeat(129);
        for id in [
            "1",
            "0af7651916cd43dd8448eb211c80319c",
            "01J9Z-x_y.z~",
            "Root=1-67891233-abcdef012345678912345678",
            &long[1..],
        ] {
            assert!(is_well_formed(id), "{id}");
        }
        for id in ["", " ", "a b", "a\tb", "a,b", "<script>", "a\"b", "{}", "é", &long] {
            assert!(!is_well_formed(id), "{id}");
        }
    }
}
