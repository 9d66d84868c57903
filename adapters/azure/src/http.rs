//! HTTP requests, proxied and within payloads.

use crate::{
    host::Host,
    invocation::{Failure, Members, Text, decoded, part, string},
};
use ::http::request::Parts;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use pikku::{
    Bytes, Problem,
    call::PlatformIdentity,
    http::{HeaderValue, Headers, HttpRequest, Method},
};
use pikku_hyper::Room;
use serde_json::value::RawValue;
use std::sync::Arc;

/// What the host itself says in a request that it proxies.
const OF_THE_HOST: [&str; 2] = ["x-azure-functions-invocationid", "x-azure-functions-hostversion"];

/// How the headers begin that the platform's authentication sets.
const IDENTITY: [&str; 2] = ["x-ms-client-principal", "x-ms-token-"];

/// A request as it came, without what is the host's own, and room for the headers of its answer. `see` is shown every header.
/// Its body comes later.
pub(crate) fn request(host: &Host, parts: Parts, mut see: impl FnMut(&str, &HeaderValue)) -> (Box<HttpRequest>, Room) {
    let (request, room) = pikku_hyper::request(parts, |name, value| {
        see(name, value);
        is_of_client(host, name)
    });
    (Box::new(request), room)
}

/// Whether a header, whose name is in lower case, is neither the host's own nor one that only the platform may set.
fn is_of_client(host: &Host, name: &str) -> bool {
    // Most are none of these.
    if !name.starts_with("x-") {
        return true;
    }
    let guarded = || !host.authenticates && IDENTITY.iter().any(|begin| name.starts_with(begin));
    !OF_THE_HOST.contains(&name) && !guarded()
}

/// Makes a request one of an invocation, with what the host's settings say about it.
pub(crate) fn place(host: &Host, request: &mut HttpRequest, id: &Arc<str>) {
    request.request_id = Some(Arc::clone(id));
    if let Some(prefix) = host.route_prefix.as_deref() {
        request.route_path = request.path.below(prefix);
    }
    if host.fronted {
        request.client_ip = client_ip(&request.headers);
    }
}

/// Whom the platform's authentication has let in ("Work with user identities in Azure App Service authentication"): JSON in
/// base64, which the platform alone can have set, for any other has been taken away.
pub(crate) fn identity(host: &Host, request: &HttpRequest) -> Option<Box<PlatformIdentity>> {
    if !host.authenticates {
        return None;
    }
    let principal = STANDARD.decode(request.headers.get(IDENTITY[0])?).ok()?;
    Some(Box::new(PlatformIdentity::new("easy-auth", String::from_utf8(principal).ok()?)))
}

/// The client's address: the platform's front end adds it at the end of what the client claims, with its port.
fn client_ip(headers: &Headers) -> Option<Arc<str>> {
    let client = pikku_hyper::forwarded(headers.get_all("x-forwarded-for"), 1)?;
    Some(client.ip().to_canonical().to_string().into())
}

/// An HTTP request within a payload: `GetRequestAsJObject` of the host's `HttpRequestExtensions`.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    members: Members<'a>,
    method: String,
    url: String,
}

impl<'a> Request<'a> {
    /// The request, where the binding's value is one: an object with a method and a URL.
    pub(crate) fn of(data: &'a RawValue) -> Option<Self> {
        if !data.get().starts_with('{') {
            return None;
        }
        let members: Members<'a> = part("", data).ok()?;
        let exact =
            |name: &str| members.0.iter().find(|(known, _)| &**known == name).and_then(|(_, json)| string(json));
        let (method, url) = (exact("Method")?, exact("Url")?);
        Some(Self { members, method, url })
    }

    pub(crate) fn is_head(&self) -> bool {
        self.method == "HEAD"
    }

    /// The request for the runtime.
    ///
    /// # Errors
    ///
    /// The client's fault.
    pub(crate) fn read(&self, host: &Host, id: &Arc<str>) -> Result<HttpRequest, Problem> {
        let method = Method::from_bytes(self.method.as_bytes())
            .map_err(|_| Problem::malformed("the method is not one of HTTP"))?;
        let headers = self.headers(host)?;
        let body = self.body(&headers)?;
        // What stands before the path is the host's own address. The URL alone has the query as the client sent it.
        let rest = self.url.split_once("://").map_or(self.url.as_str(), |(_, rest)| rest);
        let target = rest.find('/').map_or("/", |at| &rest[at..]);
        let target = target.split('#').next().unwrap_or_default();
        let cookies = headers.cookies();
        let mut request = HttpRequest { headers, cookies, body, ..HttpRequest::new(method, target) };
        place(host, &mut request, id);
        Ok(request)
    }

    /// An object of lists of values, or of values.
    fn headers(&self, host: &Host) -> Result<Headers, Problem> {
        let malformed = || Problem::malformed("the headers of the request cannot be read");
        let Some(json) = self.members.get("Headers") else { return Ok(Headers::default()) };
        let members: Members<'_> = part("", json).map_err(|_: Failure| malformed())?;
        let mut headers = Headers::with_capacity(members.0.len());
        for (name, value) in &members.0 {
            if !is_of_client(host, &name.to_ascii_lowercase()) {
                continue;
            }
            let values = match string(value) {
                Some(value) => vec![value],
                None => part::<Vec<Text<'_>>>("", value)
                    .map_err(|_| malformed())?
                    .into_iter()
                    .map(|value| value.0.into_owned())
                    .collect(),
            };
            for value in values {
                headers.append(name, value.as_bytes()).map_err(|error| Problem::malformed(error.to_string()))?;
            }
        }
        Ok(headers)
    }

    /// The exact octets: base64 where the host takes the content for octets, otherwise text.
    fn body(&self, headers: &Headers) -> Result<Bytes, Problem> {
        let Some(json) = self.members.get("Body") else { return Ok(Bytes::new()) };
        let Some(text) = string(json) else { return Ok(decoded(json).into()) };
        let media_type = headers.get("content-type").unwrap_or_default().split(';').next().unwrap_or_default();
        let media_type = media_type.trim().to_ascii_lowercase();
        // `IsMediaTypeOctetOrMultipart` of the host's `Utility`.
        if media_type != "application/octet-stream" && !media_type.contains("multipart/") {
            return Ok(text.into());
        }
        let octets = STANDARD.decode(text);
        octets.map(Bytes::from).map_err(|_| Problem::malformed("the body is said to be octets and is no base64"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_smuggling_a_client_tells_azure_no_address_of_its_own() {
        let on = Host::read(b"", &|name| (name == "WEBSITE_INSTANCE_ID").then(|| "1".to_owned()));
        let alone = Host::read(b"", &|_| None);
        let seen = |host: &Host, values: &[(&str, &str)]| {
            let mut request = HttpRequest::new(http::Method::GET, "/");
            values.iter().for_each(|(name, value)| request.headers.append(name, value.as_bytes()).unwrap());
            place(host, &mut request, &"1".into());
            request.client_ip.map(|address| address.to_string())
        };
        let own = "203.0.113.7".to_owned();
        // The front end adds what it sees at the end.
        for claimed in ["198.51.100.1, 203.0.113.7:4711", "127.0.0.1,203.0.113.7", "203.0.113.7:1"] {
            assert_eq!(seen(&on, &[("x-forwarded-for", claimed)]), Some(own.clone()), "{claimed}");
        }
        let twice = [("X-Forwarded-For", "198.51.100.1"), ("x-forwarded-for", "203.0.113.7:4711")];
        assert_eq!(seen(&on, &twice), Some(own));
        // What no front end has set says nothing.
        for name in
            ["x-azure-clientip", "x-azure-socketip", "client-ip", "x-client-ip", "x-real-ip", "cf-connecting-ip"]
        {
            assert_eq!(seen(&on, &[(name, "198.51.100.1")]), None, "{name}");
        }
        assert_eq!(seen(&alone, &[("x-forwarded-for", "198.51.100.1, 203.0.113.7")]), None);
    }
}
