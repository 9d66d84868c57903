//! Input assembly: from the parts of a call to the one input value.
//!
//! Over HTTP the path, the query, declared headers and cookies, and the body are merged. Text is decoded by the
//! function's contract; a key that two sources give differently is a mistake. Other transports have one source.

use crate::{
    Contract, Decode, Problem, Violation, ViolationSource,
    call::{Trigger, from_json},
    http::{FieldSource, HttpRequest, Method, parse_query},
    json::pointer,
};
use serde_json::{Map, Value};

/// What routing adds to a request.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Parts<'a> {
    /// The parameters of the path, decoded.
    pub(crate) params: &'a [(String, String)],
    /// The fields that headers and cookies give.
    pub(crate) fields: &'a [FieldSource],
    /// The status of a success, where the route says one.
    pub(crate) status: Option<u16>,
}

/// Where the members of an input came from.
#[derive(Debug, Default)]
pub(super) struct Sources {
    members: Vec<(String, ViolationSource)>,
    /// Where what no member names came from.
    rest: Option<ViolationSource>,
}

/// The input of a call.
pub(super) fn assemble(trigger: &Trigger, contract: &Contract, parts: &Parts<'_>) -> Result<(Value, Sources), Problem> {
    match trigger {
        Trigger::Http(request) => http(request, contract, parts),
        Trigger::Event(payload) => Ok((payload.input()?, Sources::default())),
    }
}

fn http(request: &HttpRequest, contract: &Contract, parts: &Parts<'_>) -> Result<(Value, Sources), Problem> {
    let rest = Some(ViolationSource::Body);
    let mut merge = Merge { object: Map::new(), sources: Vec::new(), conflicts: Vec::new() };
    match body(request)? {
        Body::Nothing => {}
        Body::Object(object) => merge.object = object,
        Body::Form(pairs) => merge.pairs(pairs, ViolationSource::Body, contract),
        Body::Other(value) if parts.params.is_empty() && parts.fields.is_empty() => {
            return Ok((value, Sources { members: Vec::new(), rest }));
        }
        Body::Other(_) => {
            let violation = Violation::new("", "type", "must be an object").from(ViolationSource::Body);
            return Err(Problem::invalid_input(vec![violation]));
        }
    }
    let known = |pair: &&(String, String)| !contract.has_fields() || contract.field(&pair.0).is_some();
    merge.pairs(request.query.iter().filter(known).cloned().collect(), ViolationSource::Query, contract);
    for FieldSource { cookie, name, field } in parts.fields {
        let (values, source): (Vec<String>, _) = if *cookie {
            let values = request.cookies.iter().filter(|(known, _)| known == name).map(|(_, value)| value.clone());
            (values.collect(), ViolationSource::Cookie)
        } else {
            let values = request.headers.get_all(name);
            (values.map(|value| String::from_utf8_lossy(value).into_owned()).collect(), ViolationSource::Header)
        };
        merge.field(field, values, source, contract);
    }
    for (name, value) in parts.params {
        merge.field(name, vec![value.clone()], ViolationSource::Path, contract);
    }
    if !merge.conflicts.is_empty() {
        return Err(Problem::invalid_input(merge.conflicts));
    }
    Ok((Value::Object(merge.object), Sources { members: merge.sources, rest }))
}

enum Body {
    Nothing,
    Object(Map<String, Value>),
    Form(Vec<(String, String)>),
    Other(Value),
}

/// What a body holds by its content type. A `GET` or `HEAD` has none that means anything (RFC 9110, section 9.3.1).
fn body(request: &HttpRequest) -> Result<Body, Problem> {
    if request.body.is_empty() || matches!(request.method, Method::GET | Method::HEAD) {
        return Ok(Body::Nothing);
    }
    let content_type = match request.headers.get("content-type") {
        None if request.headers.contains("content-type") => {
            return Err(Problem::unsupported_media_type("the content type is not text".into()));
        }
        content_type => content_type.unwrap_or("application/json"),
    };
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "application/x-www-form-urlencoded" => Ok(Body::Form(parse_query(&request.body))),
        json if json == "application/json" || json.ends_with("+json") => match from_json("body", &request.body)? {
            Value::Object(object) => Ok(Body::Object(object)),
            other => Ok(Body::Other(other)),
        },
        _ => Err(Problem::unsupported_media_type(format!(
            "a body of type `{essence}` cannot be read; send `application/json`"
        ))),
    }
}

struct Merge {
    object: Map<String, Value>,
    sources: Vec<(String, ViolationSource)>,
    conflicts: Vec<Violation>,
}

impl Merge {
    /// Merges pairs of text; a repeated key gives a list.
    fn pairs(&mut self, mut pairs: Vec<(String, String)>, source: ViolationSource, contract: &Contract) {
        while !pairs.is_empty() {
            let (name, _) = &pairs[0];
            let name = name.clone();
            let (same, rest): (Vec<_>, Vec<_>) = pairs.into_iter().partition(|(other, _)| *other == name);
            self.field(&name, same.into_iter().map(|(_, value)| value).collect(), source, contract);
            pairs = rest;
        }
    }

    fn field(&mut self, name: &str, values: Vec<String>, source: ViolationSource, contract: &Contract) {
        let decode = contract.field(name).unwrap_or(&Decode::Text);
        let value = match (decode.element(), values.as_slice()) {
            (_, []) => return,
            (Some(element), values) => values.iter().map(|value| element.read(value)).collect(),
            (None, [value]) => decode.read(value),
            (None, values) => values.iter().map(|value| decode.read(value)).collect(),
        };
        match self.object.get(name) {
            None => {
                self.object.insert(name.to_owned(), value);
                self.sources.push((name.to_owned(), source));
            }
            Some(known) if *known == value => {}
            Some(_) => {
                let before = self.sources.iter().find(|(known, _)| known == name).map(|(_, source)| *source);
                let before = before.unwrap_or(ViolationSource::Body);
                let detail = format!("is given twice with different values, in the {} too", name_of(before));
                self.conflicts.push(Violation::new(pointer(name), "conflict", detail).from(source));
            }
        }
    }
}

fn name_of(source: ViolationSource) -> &'static str {
    match source {
        ViolationSource::Path => "path",
        ViolationSource::Query => "query",
        ViolationSource::Header => "headers",
        ViolationSource::Cookie => "cookies",
        ViolationSource::Body => "body",
    }
}

impl Sources {
    /// Says where each bad value came from.
    pub(super) fn attribute(&self, mut violations: Vec<Violation>) -> Vec<Violation> {
        for violation in &mut violations {
            let of_member = self.members.iter().find(|(name, _)| {
                let pointer = pointer(name);
                violation.pointer.strip_prefix(&pointer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            });
            violation.source = of_member.map(|(_, source)| *source).or(self.rest);
        }
        violations
    }
}
