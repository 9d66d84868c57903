//! HTTP as the runtime sees it: routes to wire, requests to dispatch, responses to send.
//!
//! Methods, statuses and the headers of responses are those of the `http` crate.

mod body;
mod headers;
mod initiator;
mod origin;
mod path;
mod query;
mod request;
mod response;
mod route;
#[cfg(feature = "rpc")]
mod rpc;
pub mod transport;

pub use ::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
pub use body::{Body, BodyError};
pub use headers::{Headers, InvalidHeader, StaticHeader};
pub use initiator::Initiator;
pub use origin::is_confidential;
pub use path::RequestPath;
pub(crate) use path::unescape;
pub use query::{parse_cookies, parse_query};
pub use request::HttpRequest;
pub use response::Response;
pub(crate) use route::FieldSource;
pub use route::{Route, any, delete, get, head, options, patch, post, put};
#[cfg(feature = "rpc")]
pub(crate) use rpc::timeout_ms;
#[cfg(feature = "rpc")]
pub use rpc::{RPC_TIMEOUT, rpc_path};

/// The name of a method where it is one of HTTP's own (RFC 9110, section 9; RFC 5789), for who counts by it: clients may make up others.
pub fn standard_method(method: &Method) -> Option<&str> {
    const OWN: [Method; 9] = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::CONNECT,
        Method::OPTIONS,
        Method::TRACE,
        Method::PATCH,
    ];
    OWN.contains(method).then_some(method.as_str())
}
