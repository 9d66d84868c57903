//! What tells one input from another: a SHA-256 of it.

use pikku::Call;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The fingerprint of a call's input. Of a function that takes none, which may read the request itself, it is that of the request's
/// query and body.
pub(super) fn of(call: &Call, input: &Value) -> String {
    let mut hash = Sha256::new();
    add(&mut hash, input);
    if let (Value::Null, Some(request)) = (input, call.http()) {
        for text in request.query.iter().flat_map(|(name, value)| [name, value]) {
            add_octets(&mut hash, b'q', text.as_bytes());
        }
        add_octets(&mut hash, b'b', &request.body);
    }
    hex(&hash.finalize())
}

/// The fingerprint of a value.
pub(super) fn of_value(value: &Value) -> [u8; 32] {
    let mut hash = Sha256::new();
    add(&mut hash, value);
    hash.finalize().into()
}

/// The same value gives the same, in whatever order its members are written. How deep it goes its reader has limited.
fn add(hash: &mut Sha256, value: &Value) {
    match value {
        Value::Null => hash.update([b'n']),
        Value::Bool(flag) => hash.update([b't' + u8::from(*flag)]),
        Value::Number(number) => add_octets(hash, b'#', number.to_string().as_bytes()),
        Value::String(text) => add_octets(hash, b's', text.as_bytes()),
        Value::Array(items) => {
            hash.update([b'[']);
            hash.update((items.len() as u64).to_be_bytes());
            items.iter().for_each(|item| add(hash, item));
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            hash.update([b'{']);
            hash.update((members.len() as u64).to_be_bytes());
            for (name, value) in members {
                add_octets(hash, b's', name.as_bytes());
                add(hash, value);
            }
        }
    }
}

fn add_octets(hash: &mut Sha256, kind: u8, octets: &[u8]) {
    hash.update([kind]);
    hash.update((octets.len() as u64).to_be_bytes());
    hash.update(octets);
}

pub(super) fn hex(octets: &[u8]) -> String {
    let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble)]);
    octets.iter().flat_map(|octet| [digit(octet >> 4), digit(octet & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_order_of_members_says_nothing_and_all_else_does() {
        let read = |text: &str| of_value(&serde_json::from_str(text).unwrap());
        assert_eq!(read(r#"{"a": 1, "b": {"c": [], "d": ""}}"#), read(r#"{"b": {"d": "", "c": []}, "a": 1}"#));
        let others = [
            json!(null),
            json!(true),
            json!(false),
            json!(1),
            json!("1"),
            json!([]),
            json!([1]),
            json!([[1]]),
            json!(["1"]),
            json!({}),
            json!({ "1": 1 }),
            json!({ "1": "1" }),
            json!({ "1": null }),
            json!([1, 2]),
            json!([2, 1]),
            json!(["a", "b"]),
            json!(["ab"]),
            json!(["a\",\"b"]),
        ];
        for (at, one) in others.iter().enumerate() {
            assert!(others[at + 1..].iter().all(|two| of_value(one) != of_value(two)), "{one}");
        }
        assert_eq!(hex(&[0, 0x1f, 0xff]), "001fff");
    }
}
