//! Input assembly: from the parts of a call to the one input value.
//!
//! Over HTTP the path, the query, declared headers and cookies, and the body are merged. Text is decoded by the
//! function's contract; a key that two sources give differently is a mistake. Other transports have one source.

use super::router::Params;
use crate::{
    Contract, Decode, Problem, Violation, ViolationSource,
    call::{Trigger, from_json},
    http::{FieldSource, HttpRequest, Method, parse_query, unescape},
    json::pointer,
};
use serde_json::{Map, Value, map::Entry};

/// What routing adds to a request.
#[derive(Debug, Default)]
pub(crate) struct Parts<'a> {
    /// The parameters of the path that the request is matched on.
    pub(crate) params: Params<'a>,
    /// The fields that headers and cookies give.
    pub(crate) fields: &'a [FieldSource],
    /// The status of a success, where the route says one.
    pub(crate) status: Option<u16>,
    /// Whether it is a remote procedure call.
    #[cfg(feature = "rpc")]
    pub(crate) rpc: bool,
    /// What a request is answered that no route takes.
    #[cfg(feature = "unrouted")]
    pub(crate) missed: Option<Problem>,
    /// The path of the route, or the logical name of the source.
    #[cfg(feature = "spans")]
    pub(crate) wired: Option<&'static str>,
}

/// Where the members of a request's input came from; those that are not named, from the body.
#[derive(Debug, Default)]
struct Sources<'a>(Vec<(&'a str, ViolationSource)>);

/// The input of a call.
pub(super) fn assemble(trigger: &Trigger, contract: &Contract, parts: &Parts<'_>) -> Result<Value, Problem> {
    match trigger {
        #[cfg(feature = "rpc")]
        Trigger::Http(request) if parts.rpc => rpc(request),
        Trigger::Http(request) => http(request, contract, parts, None),
        Trigger::Event(payload) => payload.input(),
    }
}

/// Says of an input that was assembled where each bad value came from. Most inputs are good, so that is noted now, by
/// assembling it once more.
pub(super) fn attribute(
    trigger: &Trigger,
    contract: &Contract,
    parts: &Parts<'_>,
    mut violations: Vec<Violation>,
) -> Vec<Violation> {
    if let Trigger::Http(request) = trigger {
        let mut sources = Sources::default();
        // It went well before.
        let _ = http(request, contract, parts, Some(&mut sources));
        sources.attribute(&mut violations);
    }
    violations
}

/// The input of a remote procedure call: what the signature of its caller is over, and nothing beside it.
#[cfg(feature = "rpc")]
fn rpc(request: &HttpRequest) -> Result<Value, Problem> {
    if !request.query.is_empty() {
        return Err(Problem::malformed("a remote procedure call has no query: its input is its body"));
    }
    match body(request)? {
        Body::Nothing => Ok(Value::Object(Map::new())),
        Body::Object(object) => Ok(Value::Object(object)),
        Body::Other(value) => Ok(value),
        Body::Form(_) => {
            let detail = "the input of a remote procedure call is JSON; send `application/json`";
            Err(Problem::unsupported_media_type(detail.to_owned()))
        }
    }
}

fn http<'a>(
    request: &'a HttpRequest,
    contract: &Contract,
    parts: &'a Parts<'_>,
    sources: Option<&mut Sources<'a>>,
) -> Result<Value, Problem> {
    let mut merge = Merge { object: Map::new(), sources, is_contradictory: false, conflicts: Vec::new() };
    match body(request)? {
        Body::Nothing => {}
        Body::Object(object) => merge.object = object,
        Body::Form(pairs) => merge.form(&pairs, contract),
        Body::Other(value) if parts.params.is_empty() && parts.fields.is_empty() => return Ok(value),
        Body::Other(_) => {
            let violation = Violation::new("", "type", "must be an object").from(ViolationSource::Body);
            return Err(Problem::invalid_input(vec![violation]));
        }
    }
    each_key(&request.query, |name, values| {
        if !contract.has_fields() || contract.field(name).is_some() {
            merge.field(name, values, ViolationSource::Query, contract);
        }
    });
    for FieldSource { cookie, name, field } in parts.fields {
        if *cookie {
            let values = request.cookies.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str());
            merge.field(field, &values.collect::<Vec<_>>(), ViolationSource::Cookie, contract);
        } else {
            let values: Vec<_> = request.headers.get_all(name).map(String::from_utf8_lossy).collect();
            let values: Vec<&str> = values.iter().map(|value| &**value).collect();
            merge.field(field, &values, ViolationSource::Header, contract);
        }
    }
    let path = request.matched_path().canonical();
    for (name, place) in parts.params.iter() {
        let value = unescape(path.get(place.clone()).unwrap_or_default());
        merge.field(name, &[&value], ViolationSource::Path, contract);
    }
    match merge {
        Merge { is_contradictory: false, object, .. } => Ok(Value::Object(object)),
        Merge { sources: Some(_), conflicts, .. } => Err(Problem::invalid_input(conflicts)),
        // What contradicts what is said with the sources noted.
        Merge { sources: None, .. } => http(request, contract, parts, Some(&mut Sources::default())),
    }
}

/// Takes each key once, in the order in which each first came, with all its values. The time does not grow with the square
/// of the pairs, which a stranger has sent.
fn each_key<'p>(pairs: &'p [(String, String)], mut take: impl FnMut(&'p str, &[&str])) {
    if let [(name, value)] = pairs {
        return take(name, &[value]);
    }
    // The one kind of map that every bundle has.
    let mut lists = Map::new();
    for (name, value) in pairs {
        match lists.get_mut(name) {
            Some(Value::Array(list)) => list.push(Value::from(value.as_str())),
            _ => drop(lists.insert(name.clone(), Value::Array(vec![value.as_str().into()]))),
        }
    }
    for (name, _) in pairs {
        if let Some(Value::Array(list)) = lists.remove(name) {
            take(name, &list.iter().filter_map(Value::as_str).collect::<Vec<_>>());
        }
    }
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
    // Nearly always it is this.
    if request.headers.get_all("content-type").next() == Some(b"application/json") {
        return json(request);
    }
    let content_type = match request.headers.get("content-type") {
        None if request.headers.contains("content-type") => {
            return Err(Problem::unsupported_media_type("the content type is not text".into()));
        }
        content_type => content_type.unwrap_or("application/json"),
    };
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if is_json(essence) {
        return json(request);
    }
    if essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Ok(Body::Form(parse_query(&request.body)));
    }
    let essence = essence.to_ascii_lowercase();
    Err(Problem::unsupported_media_type(format!("a body of type `{essence}` cannot be read; send `application/json`")))
}

fn json(request: &HttpRequest) -> Result<Body, Problem> {
    Ok(match from_json("body", &request.body)? {
        Value::Object(object) => Body::Object(object),
        other => Body::Other(other),
    })
}

fn is_json(essence: &str) -> bool {
    let ends = |end: &str| {
        let begin = essence.len().checked_sub(end.len());
        begin.is_some_and(|begin| essence.as_bytes()[begin..].eq_ignore_ascii_case(end.as_bytes()))
    };
    essence.eq_ignore_ascii_case("application/json") || ends("+json")
}

struct Merge<'a, 's> {
    object: Map<String, Value>,
    /// Where they are to be noted.
    sources: Option<&'s mut Sources<'a>>,
    is_contradictory: bool,
    /// Said where the sources are noted.
    conflicts: Vec<Violation>,
}

impl<'a> Merge<'a, '_> {
    /// The fields of a form, which are the body: what no other source has named is the body's.
    fn form(&mut self, pairs: &[(String, String)], contract: &Contract) {
        each_key(pairs, |name, values| {
            if let Some(value) = read(name, values, contract) {
                self.object.insert(name.to_owned(), value);
            }
        });
    }

    fn field(&mut self, name: &'a str, values: &[&str], source: ViolationSource, contract: &Contract) {
        let Some(value) = read(name, values, contract) else { return };
        match self.object.entry(name) {
            Entry::Vacant(member) => {
                member.insert(value);
                if let Some(sources) = &mut self.sources {
                    sources.0.push((name, source));
                }
            }
            Entry::Occupied(known) if *known.get() == value => {}
            Entry::Occupied(_) => {
                self.is_contradictory = true;
                let Some(sources) = &self.sources else { return };
                let before = sources.of(|known| known == name);
                let detail = format!("is given twice with different values, in the {} too", name_of(before));
                self.conflicts.push(Violation::new(pointer(name), "conflict", detail).from(source));
            }
        }
    }
}

/// The value of texts, as the contract has it; a repeated key gives a list.
fn read(name: &str, values: &[&str], contract: &Contract) -> Option<Value> {
    let decode = contract.field(name).unwrap_or(&Decode::Text);
    Some(match (decode.element(), values) {
        (_, []) => return None,
        (Some(element), values) => values.iter().map(|value| element.read(value)).collect(),
        (None, [value]) => decode.read(value),
        (None, values) => values.iter().map(|value| decode.read(value)).collect(),
    })
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

impl Sources<'_> {
    /// The source of the member that it is.
    fn of(&self, is: impl Fn(&str) -> bool) -> ViolationSource {
        self.0.iter().find(|(name, _)| is(name)).map_or(ViolationSource::Body, |(_, source)| *source)
    }

    /// Says where each bad value came from.
    fn attribute(&self, violations: &mut [Violation]) {
        for violation in violations {
            violation.source = Some(self.of(|name| {
                let rest = violation.pointer.strip_prefix(&pointer(name));
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_once_and_in_order() {
        let pairs = [("b", "1"), ("a", "2"), ("b", "3")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut seen = Vec::new();
        each_key(&pairs, |name, values| seen.push(format!("{name}={}", values.join(","))));
        assert_eq!(seen, ["b=1,3", "a=2"]);
    }

    /// With the square of the keys this would take minutes.
    #[test]
    fn a_form_of_many_keys_is_read() {
        let mut request = HttpRequest::new(Method::POST, "/");
        request.headers.append("content-type", b"Application/X-WWW-Form-urlencoded; charset=utf-8").unwrap();
        let keys: Vec<String> = (0..200_000).map(|key| format!("{key:x}=1")).collect();
        request.body = keys.join("&").into();
        let parts = Parts::default();
        let value = http(&request, &Contract::nothing(), &parts, None).unwrap();
        assert_eq!(value.as_object().map(Map::len), Some(200_000));
    }
}
