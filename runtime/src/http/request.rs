use super::{Headers, Method, RequestPath};
use bytes::Bytes;
use std::sync::Arc;

/// A request as an adapter hands it over: every platform's encoding undone.
#[derive(Clone, Debug)]
pub struct HttpRequest {
    /// The method.
    pub method: Method,
    /// The path as the client sent it.
    pub path: RequestPath,
    /// The path that routes are matched on, where the platform puts a prefix such as a stage before it.
    pub route_path: Option<RequestPath>,
    /// The decoded pairs of the query, in order.
    pub query: Vec<(String, String)>,
    /// The headers, `Cookie` included.
    pub headers: Headers,
    /// The cookies in order, values as they are.
    pub cookies: Vec<(String, String)>,
    /// The exact octets of the body.
    pub body: Bytes,
    /// The client's address as the platform tells it.
    pub client_ip: Option<Arc<str>>,
    /// The platform's id of the request, which may differ from that of the call.
    pub request_id: Option<Arc<str>>,
    /// The stage that the platform names.
    pub stage: Option<String>,
    /// The platform's own route.
    pub resource: Option<String>,
}

impl HttpRequest {
    /// A request without query, headers and body. `path` is percent-encoded and may carry a query.
    pub fn new(method: Method, path: &str) -> Self {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        Self {
            method,
            path: RequestPath::encoded(path),
            route_path: None,
            query: super::parse_query(query.as_bytes()),
            headers: Headers::default(),
            cookies: Vec::new(),
            body: Bytes::new(),
            client_ip: None,
            request_id: None,
            stage: None,
            resource: None,
        }
    }

    /// The path that routes are matched on.
    pub fn matched_path(&self) -> &RequestPath {
        self.route_path.as_ref().unwrap_or(&self.path)
    }

    /// The first value of a header as text; `None` where it is absent or not ASCII.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }
}
