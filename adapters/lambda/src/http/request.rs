use super::{Format, required};
use crate::{
    error::InvocationError,
    event::{Envelope, Text, some},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use pikku::{
    Bytes, Problem,
    http::{Headers, HttpRequest, InvalidHeader, Method, RequestPath, parse_cookies, parse_query},
};
use std::sync::Arc;

/// The request of an HTTP event. The outer error is the platform's fault, the inner one the client's.
pub(super) fn read(format: Format, event: Envelope<'_>) -> Result<Result<HttpRequest, Problem>, InvocationError> {
    let context = event.request_context.as_ref();
    let version_2 = matches!(format, Format::V2 | Format::FunctionUrl);
    let method = match context.and_then(|context| context.http.as_ref()) {
        Some(http) => required(http.method.as_ref(), "requestContext.http.method")?,
        None => required(event.http_method.as_ref(), "httpMethod")?,
    };
    let path = match format {
        Format::V2 => RequestPath::decoded(required(event.raw_path.as_ref(), "rawPath")?),
        Format::FunctionUrl => RequestPath::encoded(required(event.raw_path.as_ref(), "rawPath")?),
        _ => RequestPath::encoded(required(event.path.as_ref(), "path")?),
    };
    if !path.raw().starts_with('/') {
        return Err(InvocationError::malformed(format!("the path `{}` does not begin with `/`", path.raw())));
    }
    let stage = some(context.and_then(|context| context.stage.as_ref()));
    // Format 2.0 puts the stage before the path, format 1.0 does not.
    let prefix = stage.as_deref().filter(|stage| format == Format::V2 && *stage != "$default");
    let route_path = prefix.and_then(|stage| path.below(stage));
    Ok((|| {
        let mut headers = match format {
            _ if version_2 => headers(event.headers.map(|pairs| pairs.0).unwrap_or_default()),
            _ => headers(either(event.multi_value_headers.map(|pairs| pairs.0), event.headers.map(|pairs| pairs.0))),
        }?;
        let cookies = cookies(event.cookies.unwrap_or_default(), &mut headers)?;
        let query = if version_2 {
            parse_query(event.raw_query_string.as_deref().unwrap_or_default().as_bytes())
        } else {
            let multi = event.multi_value_query_string_parameters.map(|pairs| pairs.0);
            let pairs = either(multi, event.query_string_parameters.map(|pairs| pairs.0));
            // A load balancer leaves names and values encoded; a gateway has decoded them.
            let encoded = matches!(format, Format::Alb | Format::AlbMultiValue);
            let read = |text: Text<'_>| if encoded { decode(&text) } else { text.0.into_owned() };
            pairs.into_iter().map(|(name, value)| (read(name), read(value))).collect()
        };
        let client_ip = match format {
            // The load balancer adds the address it saw at the end of what the client claims.
            Format::Alb | Format::AlbMultiValue => headers
                .get_all("x-forwarded-for")
                .next_back()
                .and_then(|value| std::str::from_utf8(value).ok()?.rsplit(',').next())
                .map(|address| address.trim().into()),
            _ => {
                let context = event.request_context.as_ref();
                let of_http = context.and_then(|context| context.http.as_ref()?.source_ip.as_ref());
                shared(of_http.or_else(|| context?.identity.as_ref()?.source_ip.as_ref()))
            }
        };
        Ok(HttpRequest {
            method: Method::from_bytes(method.as_bytes())
                .map_err(|_| Problem::malformed("the method is not one of HTTP"))?,
            path,
            route_path,
            query,
            headers,
            cookies,
            body: body(event.body.as_ref(), event.is_base64_encoded)?,
            client_ip,
            request_id: shared(event.request_context.as_ref().and_then(|context| context.request_id.as_ref())),
            stage,
            resource: some(event.resource.as_ref()),
        })
    })())
}

fn shared(text: Option<&Text<'_>>) -> Option<Arc<str>> {
    text.map(|text| Arc::from(&**text))
}

/// The multi-value member where there is one: it holds every value, the other the last of each.
fn either<'a>(
    multi: Option<Vec<(Text<'a>, Text<'a>)>>,
    single: Option<Vec<(Text<'a>, Text<'a>)>>,
) -> Vec<(Text<'a>, Text<'a>)> {
    multi.filter(|multi| !multi.is_empty()).or(single).unwrap_or_default()
}

/// Headers as HTTP has them. A name or value that HTTP cannot carry is the client's fault.
pub(crate) fn headers(pairs: Vec<(Text<'_>, Text<'_>)>) -> Result<Headers, Problem> {
    let mut headers = Headers::with_capacity(pairs.len() + 1);
    for (name, value) in pairs {
        headers.append(&name, value.as_bytes()).map_err(invalid)?;
    }
    Ok(headers)
}

fn invalid(error: InvalidHeader) -> Problem {
    Problem::malformed(error.to_string())
}

/// The cookies: those apart where there are some, otherwise those of the header. Each is seen once.
fn cookies(apart: Vec<Text<'_>>, headers: &mut Headers) -> Result<Vec<(String, String)>, Problem> {
    if apart.is_empty() {
        return Ok(headers.cookies());
    }
    if !headers.contains("cookie") {
        let joined: Vec<&str> = apart.iter().map(|cookie| &**cookie).collect();
        headers.append("cookie", joined.join("; ").as_bytes()).map_err(invalid)?;
    }
    let pair = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    Ok(apart.iter().flat_map(|cookie| parse_cookies(cookie)).map(pair).collect())
}

/// The exact octets of a body.
pub(crate) fn body(text: Option<&Text<'_>>, base64: Option<bool>) -> Result<Bytes, Problem> {
    let Some(text) = text else { return Ok(Bytes::new()) };
    if base64 != Some(true) {
        return Ok(Bytes::copy_from_slice(text.as_bytes()));
    }
    let octets = STANDARD.decode(text.as_bytes());
    octets.map(Bytes::from).map_err(|_| Problem::malformed("the body is said to be base64 and is not"))
}

/// One name or value of a query, decoded.
fn decode(text: &str) -> String {
    // A name alone is what parsing gives for text without `=`; `&` and `=` stand encoded in it.
    let escaped = text.replace('=', "%3D").replace('&', "%26");
    parse_query(escaped.as_bytes()).pop().map(|(name, _)| name).unwrap_or_default()
}
