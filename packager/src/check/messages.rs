//! Whether what is sent to a queue can be what the function behind it takes.
//!
//! Both are described by schemas. Told is only what fails for every message; schemas that say it in another way than by the
//! members of an object are believed.

use crate::error::Finding;
use pikku_manifest::{Manifest, Need, Source, WiringKind};
use serde_json::{Map, Value};

pub(super) fn check(manifest: &Manifest, findings: &mut Vec<Finding>) {
    let wirings = manifest.groups.iter().flat_map(|group| &group.wirings);
    for wiring in wirings {
        let (WiringKind::Queue(queue), Some(function)) = (&wiring.kind, manifest.function(&wiring.function)) else {
            continue;
        };
        let (Source::Named(name), Some(input)) = (&queue.source, &function.input) else { continue };
        for service in &manifest.services {
            let sends = service.needs.iter().any(|need| matches!(need, Need::SendToQueue(queue) if queue == name));
            let Some(message) = service.message.as_ref().filter(|_| sends) else { continue };
            if let Some(reason) = differ(message, input) {
                findings.push(Finding::new(
                    "PK0214",
                    Some(&wiring.location),
                    format!("`{}` takes none of the messages that `{}` sends: {reason}", function.name, service.name),
                    "let the function behind the queue take the type that is sent to it, or name another queue on that type",
                ));
            }
        }
    }
}

/// Why no message is an input; `None` where some are, or where it is not to be told.
fn differ(message: &Value, input: &Value) -> Option<String> {
    let (message, input) = (message.as_object()?, input.as_object()?);
    if let Some((sent, taken)) = other_type(message, input) {
        return Some(format!("what is sent is {sent}, what is taken is {taken}"));
    }
    let composed = |schema: &Map<String, Value>| {
        ["$ref", "allOf", "anyOf", "oneOf", "patternProperties"].iter().any(|word| schema.contains_key(*word))
    };
    if composed(message) || composed(input) {
        return None;
    }
    let members = |schema: &Map<String, Value>| schema.get("properties").and_then(Value::as_object).cloned();
    let (sent, taken) = (members(message).unwrap_or_default(), members(input).unwrap_or_default());
    let required = |schema: &Map<String, Value>| -> Vec<String> {
        let names = schema.get("required").and_then(Value::as_array).into_iter().flatten();
        names.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let open = message.get("additionalProperties").is_some_and(|more| *more != Value::Bool(false));
    if let Some(name) = required(input).into_iter().find(|name| !open && !sent.contains_key(name)) {
        return Some(format!("there is no `{name}` in them, which it requires"));
    }
    let closed = input.get("additionalProperties") == Some(&Value::Bool(false));
    for name in required(message) {
        match taken.get(&name) {
            None if closed => return Some(format!("there is `{name}` in them, which it does not know")),
            Some(taken) => {
                let schemas = sent.get(&name).and_then(Value::as_object).zip(taken.as_object());
                if let Some((sent, taken)) = schemas.and_then(|(sent, taken)| other_type(sent, taken)) {
                    return Some(format!("`{name}` is {sent} in them, and it takes {taken}"));
                }
            }
            None => {}
        }
    }
    None
}

/// The types of two schemas that have none in common.
fn other_type(sent: &Map<String, Value>, taken: &Map<String, Value>) -> Option<(String, String)> {
    let (sent, taken) = (types(sent)?, types(taken)?);
    let fits = |one: &String| taken.contains(one) || (one == "integer" && taken.iter().any(|other| other == "number"));
    let backwards = |one: &String| one == "number" && taken.iter().any(|other| other == "integer");
    (!sent.iter().any(|one| fits(one) || backwards(one))).then(|| (sent.join(" or "), taken.join(" or ")))
}

fn types(schema: &Map<String, Value>) -> Option<Vec<String>> {
    match schema.get("type")? {
        Value::String(one) => Some(vec![one.clone()]),
        Value::Array(several) => Some(several.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(properties: Value, required: &[&str]) -> Value {
        json!({"type": "object", "properties": properties, "required": required})
    }

    #[test]
    fn what_no_message_can_be_is_told() {
        let sent = object(json!({"id": {"type": "integer"}, "note": {"type": ["string", "null"]}}), &["id"]);
        for (input, said) in [
            (
                object(json!({"order": {"type": "integer"}}), &["order"]),
                "there is no `order` in them, which it requires",
            ),
            (object(json!({"id": {"type": "string"}}), &["id"]), "`id` is integer in them, and it takes string"),
            (json!({"type": "string"}), "what is sent is object, what is taken is string"),
            (
                json!({"type": "object", "properties": {"note": {"type": "string"}}, "additionalProperties": false}),
                "there is `id` in them, which it does not know",
            ),
        ] {
            assert_eq!(differ(&sent, &input).as_deref(), Some(said));
        }
        for input in [
            sent.clone(),
            object(json!({"id": {"type": "number"}}), &["id"]),
            object(json!({"id": true}), &["id"]),
            json!({"oneOf": [{"type": "string"}]}),
            json!({}),
        ] {
            assert_eq!(differ(&sent, &input), None, "{input}");
        }
        let flattened = json!({"type": "object", "additionalProperties": {"type": "string"}});
        assert_eq!(differ(&flattened, &object(json!({"id": {"type": "string"}}), &["id"])), None);
    }

    #[test]
    fn a_queue_is_told_where_its_function_is_wired() {
        let place = json!({"file": "src/lib.rs", "line": 7});
        let service = |queue: &str| {
            json!({"name": "Queue<Placed>", "type_name": "Queue<Placed>", "lifetime": "per_call", "depends_on": [],
                   "needs": [{"action": "send_to_queue", "name": queue}], "closes": false,
                   "message": object(json!({"id": {"type": "integer"}}), &["id"])})
        };
        let found = |queue: &str| {
            let manifest: Manifest = serde_json::from_value(json!({
                "manifest_version": 1,
                "groups": [{"name": "orders", "wirings": [{"id": "queue:placed", "function": "reserve", "location": place,
                    "queue": {"source": {"named": "placed"}, "batch": 1, "batch_window_s": 0, "retries": 3, "fifo": false}}]}],
                "functions": [{"name": "reserve", "module": "shop", "location": place, "errors": [], "services": [],
                    "session": "none", "input": object(json!({"id": {"type": "string"}}), &["id"])}],
                "services": [service(queue)],
            }))
            .unwrap();
            let mut findings = Vec::new();
            check(&manifest, &mut findings);
            findings
        };
        assert!(found("other").is_empty());
        let [finding] = &found("placed")[..] else { panic!("one finding") };
        assert_eq!((finding.code, finding.location.as_ref().unwrap().line), ("PK0214", 7));
        assert_eq!(
            finding.message,
            "`reserve` takes none of the messages that `Queue<Placed>` sends: `id` is integer in them, and it takes string"
        );
    }
}
