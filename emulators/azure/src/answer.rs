//! The handler's answer to an invocation payload, as the host reads it.
//!
//! Rules: `ProcessDefaultInvocationRequest` and `GetHttpScriptInvocationResult` of the host's `DefaultHttpWorkerService`,
//! `HttpScriptInvocationResultExtensions`, `HandleOutputDictionary` of its `WorkerFunctionInvoker`, its `HttpBinding` and
//! `RawScriptResult`, and Json.NET's reading of dates.

use crate::{
    function::Function,
    outcome::{Outcome, Outputs, Response},
};
use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{GeneralPurpose, GeneralPurposeConfig},
};
use bytes::Bytes;
use chrono::{DateTime, NaiveDateTime};
use serde_json::{Map, Value};

/// As .NET reads it: padding is required, and bits that are left over do not matter.
const BASE64: GeneralPurpose =
    GeneralPurpose::new(&STANDARD, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));

/// What the host makes of an answer; `None` where it never comes to an end.
pub(crate) fn read(
    function: &Function,
    status: u16,
    content_type: Option<&str>,
    body: &Bytes,
) -> Option<(Outcome, Vec<String>)> {
    let failed =
        |reason: String| Some((Outcome::Failed { reason, status: Some(status), body: body.clone() }, Vec::new()));
    if !(200..300).contains(&status) {
        // `EnsureSuccessStatusCode`. A redirect would be followed first, to an address that is no handler's.
        return failed(format!("Response status code does not indicate success: {status}."));
    }
    if body.is_empty() {
        // Nothing is read, so no result is ever set: the invocation goes on until it times out.
        return None;
    }
    let media_type = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    // `ReadAsAsync` has formatters for JSON, XML and forms; only the first can read this type.
    if !["application/json", "text/json"].contains(&media_type.as_str()) {
        return failed(format!(
            "No MediaTypeFormatter is available to read an object of type 'HttpScriptInvocationResult' from content with media \
             type '{media_type}'."
        ));
    }
    let answer: Value = match serde_json::from_str(&String::from_utf8_lossy(body)) {
        Ok(answer) => answer,
        Err(error) => return failed(format!("Invalid HttpResponseMessage: it is not JSON: {error}")),
    };
    let members = match answer {
        Value::Null => return None,
        Value::Object(members) => members,
        _ => return failed("Invalid HttpResponseMessage: it is not an object.".to_owned()),
    };
    match outcome(function, &members) {
        Ok(read) => Some(read),
        Err(reason) => failed(reason),
    }
}

/// A member of that name, whatever its case, as Json.NET finds it.
fn member<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let exact = members.get(name);
    exact
        .or_else(|| members.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value))
        .filter(|value| !value.is_null())
}

fn outcome(function: &Function, members: &Map<String, Value>) -> Result<(Outcome, Vec<String>), String> {
    let none = Map::new();
    let outputs = match member(members, "Outputs") {
        None => &none,
        Some(Value::Object(outputs)) => outputs,
        Some(_) => return Err("Invalid HttpResponseMessage: `Outputs` is not an object.".to_owned()),
    };
    let logs = match member(members, "Logs") {
        None => Vec::new(),
        Some(Value::Array(lines)) => lines.iter().map(line).collect::<Result<_, _>>()?,
        Some(_) => return Err("Invalid HttpResponseMessage: `Logs` is not an array.".to_owned()),
    };
    let return_value = member(members, "ReturnValue");
    let returned = function.outputs.iter().find(|output| output.name == "$return");
    if let Some(output) = function.outputs.iter().find(|output| output.http) {
        let content = if output.name == "$return" {
            return_value.map(|value| content(bound(value, output.binary)))
        } else {
            // Names of outputs mind their case, unlike all others.
            let found = outputs.get(&output.name).filter(|value| !value.is_null());
            Some(
                found
                    .map_or(Ok(Content::Value(Value::Object(Map::new()))), |value| object(value).map(Content::Value))?,
            )
        };
        // Without a `$return` the client gets 204, as any function that answers nothing does.
        let response = content.map_or_else(|| Ok(Response::new(204)), response)?;
        return Ok((Outcome::Response(response), logs));
    }
    let mut made = Outputs::default();
    for output in &function.outputs {
        if let Some(value) = outputs.get(&output.name).filter(|value| !value.is_null()) {
            made.bindings.insert(output.name.clone(), octets(bound(value, output.binary)));
        }
    }
    if let Some(value) = return_value {
        let octets_of = octets(bound(value, returned.is_some_and(|output| output.binary)));
        match (returned, value) {
            (Some(output), _) => {
                made.bindings.insert(output.name.clone(), octets_of.clone());
            }
            // Members of an object that is returned are outputs too, where no binding is `$return`.
            (None, Value::Object(members)) => {
                let named = |(name, value): (&String, &Value)| {
                    let declared = function.outputs.iter().any(|output| output.name == *name);
                    declared.then(|| (name.clone(), octets(Bound::Value(value.clone()))))
                };
                made.bindings.extend(members.iter().filter_map(named));
            }
            (None, _) => {}
        }
        made.return_value = Some(octets_of);
    }
    made.dropped =
        outputs.keys().filter(|name| !function.outputs.iter().any(|output| output.name == **name)).cloned().collect();
    Ok((Outcome::Completed(made), logs))
}

fn line(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Null => Ok(String::new()),
        Value::Number(_) | Value::Bool(_) => Ok(value.to_string()),
        _ => Err("Invalid HttpResponseMessage: a line of `Logs` is not a string.".to_owned()),
    }
}

/// A value on its way to a binding.
enum Bound {
    Octets(Vec<u8>),
    Value(Value),
}

enum Content {
    Octets(Vec<u8>),
    Value(Value),
}

/// `GetBindingValue`: a string that is base64 is decoded, unless the binding is binary, whatever was meant.
fn bound(value: &Value, binary: bool) -> Bound {
    match value {
        Value::String(text) if !binary => {
            // `Convert.FromBase64String` skips white space.
            let dense: String = text.chars().filter(|letter| !matches!(letter, ' ' | '\t' | '\r' | '\n')).collect();
            BASE64.decode(dense).map_or_else(|_| Bound::Value(value.clone()), Bound::Octets)
        }
        _ => Bound::Value(value.clone()),
    }
}

/// What a binding that takes octets gets (`BindAsyncCollectorAsync`, `ConvertValueToStream`).
fn octets(bound: Bound) -> Bytes {
    match bound {
        Bound::Octets(octets) => octets.into(),
        Bound::Value(Value::String(text)) => dated(&text).unwrap_or(text).into(),
        Bound::Value(value) => value.to_string().into(),
    }
}

fn content(bound: Bound) -> Content {
    match bound {
        Bound::Octets(octets) => Content::Octets(octets),
        Bound::Value(value) => Content::Value(value),
    }
}

/// `GetHttpOutputBindingResponse`: an object, or one as text.
fn object(value: &Value) -> Result<Value, String> {
    const WRONG: &str =
        "Failed while trying to Deserialize to httpOutputBindingResponse. Output is not in expected format";
    let value = match value {
        Value::String(text) => serde_json::from_str(text).map_err(|_| WRONG)?,
        other => other.clone(),
    };
    let Value::Object(members) = &value else { return Err(WRONG.to_owned()) };
    if member(members, "headers").is_some_and(|headers| !headers.is_object()) {
        return Err(WRONG.to_owned());
    }
    Ok(value)
}

/// `CreateResult` of the host's `HttpBinding`.
fn response(content: Content) -> Result<Response, String> {
    let value = match content {
        Content::Octets(octets) => return Ok(Response { body: octets.into(), ..Response::new(200) }),
        // Text that is JSON counts as what it says.
        Content::Value(Value::String(text)) => serde_json::from_str(&text).unwrap_or(Value::String(text)),
        Content::Value(value) => value,
    };
    let Value::Object(members) = &value else { return Ok(Response { body: body(&value), ..Response::new(200) }) };
    // Only an object with a body is a response; any other is the body.
    if !members.keys().any(|name| name.eq_ignore_ascii_case("body")) {
        return Ok(Response { body: body(&value), ..Response::new(200) });
    }
    let status = member(members, "statusCode").or_else(|| member(members, "status"));
    let status = match status {
        Some(Value::String(text)) => text.trim().parse().unwrap_or(200),
        Some(Value::Number(number)) => number.as_u64().and_then(|number| u16::try_from(number).ok()).unwrap_or(200),
        _ => 200,
    };
    let mut response =
        Response { body: member(members, "body").map_or_else(Bytes::new, body), ..Response::new(status) };
    if let Some(Value::Object(headers)) = member(members, "headers") {
        for (name, value) in headers {
            if value.is_null() && name.eq_ignore_ascii_case("content-type") {
                return Err("content-type header cannot be null".to_owned());
            }
            // A name that is given twice, in two cases, counts once.
            if response.header(name).is_none() {
                response.headers.push((name.to_ascii_lowercase(), text(value)));
            }
        }
    }
    if response.header("content-type").is_none() {
        // `StringOutputFormatter`.
        response.headers.push(("content-type".to_owned(), "text/plain; charset=utf-8".to_owned()));
    }
    Ok(response)
}

fn body(value: &Value) -> Bytes {
    match value {
        Value::Object(_) | Value::Array(_) => value.to_string().into(),
        other => text(other).into(),
    }
}

/// A value as .NET writes it.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => dated(text).unwrap_or_else(|| text.clone()),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// A string that Json.NET takes for a date (`DateParseHandling.DateTime`), as .NET writes dates.
fn dated(text: &str) -> Option<String> {
    let naive = match DateTime::parse_from_rfc3339(text) {
        Ok(date) => date.naive_utc(),
        Err(_) => NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok()?,
    };
    (text.as_bytes().get(10) == Some(&b'T')).then(|| naive.format("%m/%d/%Y %H:%M:%S").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::function::Surroundings;
    use serde_json::json;

    fn function(outputs: &Value) -> Function {
        let mut bindings = vec![json!({"type": "timerTrigger", "name": "timer", "schedule": "0 * * * * *"})];
        bindings.extend(outputs.as_array().unwrap().clone());
        let setting = |_: &str| None;
        let around = Surroundings { extension_bundle: true, route_prefix: "", setting: &setting, settings: &[] };
        Function::read("f", json!({ "bindings": bindings }).to_string().as_bytes(), &around).unwrap()
    }

    fn outcome_of(outputs: &Value, answer: &Value) -> Outcome {
        read(&function(outputs), 200, Some("application/json; charset=utf-8"), &answer.to_string().into()).unwrap().0
    }

    fn completed(outputs: &Value, answer: &Value) -> Outputs {
        match outcome_of(outputs, answer) {
            Outcome::Completed(outputs) => outputs,
            other => panic!("{other:?}"),
        }
    }

    fn responded(answer: &Value) -> Response {
        match outcome_of(&json!([{"type": "http", "direction": "out", "name": "res"}]), answer) {
            Outcome::Response(response) => response,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_string_that_is_base64_is_decoded_unless_the_binding_is_binary() {
        let queue = json!([{"type": "queue", "direction": "out", "name": "out", "queueName": "q"}]);
        let out = |text: &str| completed(&queue, &json!({"Outputs": {"out": text}})).bindings["out"].clone();
        assert_eq!(out("test"), &[0xb5, 0xeb, 0x2d][..]);
        assert_ne!(out("HelloWorld12"), "HelloWorld12");
        // Fourteen letters are no base64.
        assert_eq!(out("HelloWorld12=="), "HelloWorld12==");
        assert_eq!(out("te st"), &[0xb5, 0xeb, 0x2d][..]);
        assert_eq!(out("tests"), "tests");
        assert_eq!(out("dGVzdA=="), "test");
        let binary = json!([{"type": "queue", "direction": "out", "name": "out", "dataType": "binary"}]);
        assert_eq!(completed(&binary, &json!({"Outputs": {"out": "test"}})).bindings["out"], "test");
    }

    #[test]
    fn outputs_go_to_their_bindings_and_nowhere_else() {
        let queue = json!([{"type": "queue", "direction": "out", "name": "out"}]);
        let made = completed(&queue, &json!({"Outputs": {"Out": 1, "other": 2}}));
        assert!(made.bindings.is_empty());
        assert_eq!(made.dropped, ["Out", "other"]);
        // What is returned as an object reaches bindings by the names of its members.
        assert_eq!(completed(&queue, &json!({"ReturnValue": {"out": {"a": 1}}})).bindings["out"], r#"{"a":1}"#);
        assert!(completed(&queue, &json!({"ReturnValue": "eyJvdXQiOjF9"})).bindings.is_empty());
        let returned = json!([{"type": "queue", "direction": "out", "name": "$return"}]);
        assert_eq!(completed(&returned, &json!({"ReturnValue": "dGVzdA=="})).bindings["$return"], "test");
        assert_eq!(completed(&returned, &json!({"outputs": null, "returnvalue": 4})).bindings["$return"], "4");
    }

    #[test]
    fn a_response_is_what_its_object_says() {
        let response = responded(
            &json!({"Outputs": {"res": {"statusCode": "201", "body": "test", "headers": {"X-A": "1", "x-a": "2"}}}}),
        );
        assert_eq!((response.status, &response.body[..]), (201, &b"test"[..]));
        assert_eq!(
            response.headers,
            [("x-a".to_owned(), "1".to_owned()), ("content-type".to_owned(), "text/plain; charset=utf-8".to_owned())]
        );
        let text = responded(&json!({"Outputs": {"res": r#"{"status": 404, "body": {"a": 1}}"#}}));
        assert_eq!((text.status, &text.body[..]), (404, &br#"{"a":1}"#[..]));
        assert_eq!(responded(&json!({"Outputs": {}})).body, "{}");
        let dated = responded(&json!({"Outputs": {"res": {"body": "2023-10-12T20:13:49.64+02:00"}}}));
        assert_eq!(dated.body, "10/12/2023 18:13:49");
    }

    #[test]
    fn what_cannot_be_read_fails_and_what_is_empty_never_ends() {
        let function = function(&json!([{"type": "http", "direction": "out", "name": "res"}]));
        let read = |status, kind, body: &str| read(&function, status, kind, &body.to_owned().into());
        let json = Some("application/json");
        for (status, kind, body, reason) in [
            (500, json, "{}", "500"),
            (302, json, "{}", "302"),
            (200, Some("text/plain"), "{}", "media type 'text/plain'"),
            (200, None, "{}", "media type ''"),
            (200, json, "{", "not JSON"),
            (200, json, "[]", "not an object"),
            (200, json, r#"{"Outputs":[]}"#, "`Outputs`"),
            (200, json, r#"{"Logs":{}}"#, "`Logs`"),
            (200, json, r#"{"Logs":[{}]}"#, "`Logs`"),
            (200, json, r#"{"Outputs":{"res":"no object"}}"#, "not in expected format"),
            (200, json, r#"{"Outputs":{"res":{"body":"","headers":{"content-type":null}}}}"#, "cannot be null"),
        ] {
            let Some((Outcome::Failed { reason: said, .. }, _)) = read(status, kind, body) else { panic!("{body}") };
            assert!(said.contains(reason), "{said}");
        }
        assert!(read(200, json, "").is_none() && read(200, json, "null").is_none());
    }
}
