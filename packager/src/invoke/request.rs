//! Requests from the command line, and responses in the form that they have on every target.

use super::{InvokeArgs, InvokeError, read, worker_event};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use pikku_local_workers::{Request, Response};
use serde_json::{Map, Value, json};
use std::path::Path;

/// The parts of a request.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) method: String,
    /// The path with the query, as it is sent.
    pub(super) target: String,
    pub(super) authority: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

/// The request that the command line describes; `data` is what was given with `-d`.
pub(super) fn request(args: &InvokeArgs, data: &[Vec<u8>]) -> Result<Request, InvokeError> {
    let Parts { method, target, authority, headers, body } = parts(args, data)?;
    let request = Request::new(method, target).header("Host", authority).body(body);
    Ok(headers.into_iter().fold(request, |request, (name, value)| request.header(name, value)))
}

/// The same in parts.
pub(super) fn parts(args: &InvokeArgs, data: &[Vec<u8>]) -> Result<Parts, InvokeError> {
    let url = args.event.url.as_deref().unwrap_or("/");
    let (authority, target) = if url.starts_with('/') {
        ("localhost", url.to_owned())
    } else {
        worker_event::split(url).map_err(|reason| InvokeError::Form { reason })?
    };
    let method = args.method.as_deref().unwrap_or(if data.is_empty() { "GET" } else { "POST" });
    if method.is_empty() || target.contains(['\r', '\n', ' ']) || method.contains(|c: char| !c.is_ascii_graphic()) {
        return Err(InvokeError::Form { reason: format!("`{method} {target}` is no line of a request") });
    }
    Ok(Parts {
        method: method.to_owned(),
        target,
        authority: authority.to_owned(),
        headers: args.headers.clone(),
        body: data.join(&b'&'),
    })
}

/// Data from the command line, or from the file that it names.
pub(super) fn given(data: &str) -> Result<Vec<u8>, InvokeError> {
    match data.strip_prefix('@') {
        Some(path) => read(Path::new(path)),
        None => Ok(data.as_bytes().to_vec()),
    }
}

/// A response in the form that it has on every target.
pub(super) fn answer(response: &Response) -> Value {
    view(response.status, &response.headers, &response.body)
}

/// The same of its parts.
pub(super) fn view(status: u16, given: &[(String, String)], body: &[u8]) -> Value {
    let mut headers = Map::new();
    let mut cookies = Vec::new();
    for (name, value) in given {
        if name == "set-cookie" {
            cookies.push(json!(value));
            continue;
        }
        match headers.get_mut(name) {
            Some(Value::String(all)) => {
                all.push_str(", ");
                all.push_str(value);
            }
            _ => {
                headers.insert(name.clone(), json!(value));
            }
        }
    }
    let (body, encoded) = match std::str::from_utf8(body) {
        Ok(text) => (text.to_owned(), false),
        Err(_) => (BASE64_STANDARD.encode(body), true),
    };
    let mut answer = json!({"statusCode": status, "headers": headers, "body": body, "isBase64Encoded": encoded});
    if !cookies.is_empty() {
        answer["cookies"] = cookies.into();
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_one_form() {
        let pairs = [
            ("content-type", "text/plain"),
            ("vary", "a"),
            ("vary", "b"),
            ("set-cookie", "x=1"),
            ("set-cookie", "y=2"),
        ];
        let headers = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let mut response = Response { status: 201, headers, body: "é".into() };
        assert_eq!(
            answer(&response),
            json!({"statusCode": 201, "headers": {"content-type": "text/plain", "vary": "a, b"}, "body": "é",
                   "isBase64Encoded": false, "cookies": ["x=1", "y=2"]})
        );
        response.body = vec![0, 255].into();
        assert_eq!((&answer(&response)["body"], &answer(&response)["isBase64Encoded"]), (&json!("AP8="), &json!(true)));
    }
}
