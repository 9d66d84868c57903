use super::*;
use serde::Deserialize;
use serde_json::json;
use std::{collections::BTreeMap, fmt::Debug};

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Unit;

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Wrapped(u8);

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Pair(i16, f32);

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Strict {
    a: char,
    #[serde(default)]
    b: Vec<Option<bool>>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
enum External {
    Empty,
    One(u32),
    Two(u32, String),
    Named { x: i64 },
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Internal {
    Circle { radius: f64 },
    Dot,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "t", content = "c")]
enum Adjacent {
    A(Vec<u8>),
    B,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(u64),
    Text(String),
    Both { number: i8, text: String },
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Everything {
    unit: Option<Unit>,
    wrapped: Option<Wrapped>,
    pair: Option<Pair>,
    strict: Option<Strict>,
    external: Option<Vec<External>>,
    internal: Option<Internal>,
    adjacent: Option<Adjacent>,
    untagged: Option<Vec<Untagged>>,
    numbers: Option<BTreeMap<i32, u128>>,
    truths: Option<BTreeMap<bool, i128>>,
    variants: Option<BTreeMap<Name3, ()>>,
    tuple: Option<(u8, String, f64)>,
    any: Option<Value>,
    bytes: Option<Box<[u8]>>,
    nested: Option<Box<Everything>>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
enum Name3 {
    First,
    Second,
}

/// Values that `Everything` takes, and those that are to go wrong in it.
fn values() -> Vec<Value> {
    vec![
        json!({}),
        json!({"unit": null, "wrapped": 7, "pair": [-3, 1.5], "strict": {"a": "x", "b": [true, null]}}),
        json!({"strict": ["y", []], "tuple": [1, "b", 2], "bytes": [1, 2, 255], "any": {"x": [1.5, null]}}),
        json!({"external": ["Empty", {"One": 1}, {"Two": [2, "b"]}, {"Named": {"x": -4}}, {"Empty": null}]}),
        json!({"internal": {"kind": "circle", "radius": 2}, "adjacent": {"t": "A", "c": [1]}, "nested": {"adjacent": {"t": "B"}}}),
        json!({"internal": {"kind": "dot"}, "untagged": [1, "x", {"number": -1, "text": "y"}], "more": [1], "less": 2}),
        json!({"numbers": {"1": 2, "-5": 18_446_744_073_709_551_615_u64}, "truths": {"true": -1, "false": 1}}),
        json!({"variants": {"First": null, "Second": null}}),
    ]
}

/// Both ways agree: on the value, or on that there is none.
fn compare<T: DeserializeOwned + PartialEq + Debug>(value: &Value) -> Option<T> {
    let ours = read::<T>(value.clone());
    let theirs = serde_json::from_value::<T>(value.clone());
    match (&ours, &theirs) {
        (Ok(ours), Ok(theirs)) => assert_eq!(ours, theirs, "{value}"),
        (Err(_), Err(_)) => {}
        _ => panic!("{value}: {ours:?}, {theirs:?}"),
    }
    ours.ok()
}

#[test]
fn a_tree_is_read_as_serde_json_reads_it() {
    for value in values() {
        assert!(compare::<Everything>(&value).is_some(), "{value}: {:?}", read::<Everything>(value.clone()));
    }
}

/// Every value within a tree.
fn places(value: &Value, pointer: &str, found: &mut Vec<String>) {
    found.push(pointer.to_owned());
    match value {
        Value::Array(list) => (0..).zip(list).for_each(|(at, value)| places(value, &format!("{pointer}/{at}"), found)),
        Value::Object(object) => {
            object
                .iter()
                .for_each(|(name, value)| places(value, &format!("{pointer}{}", crate::json::pointer(name)), found));
        }
        _ => {}
    }
}

#[test]
fn a_tree_with_anything_in_the_wrong_place_is_read_as_serde_json_reads_it() {
    let odd = [
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(300),
        json!(1.5),
        json!(1e300),
        json!(u64::MAX),
        json!(""),
        json!("x"),
        json!("Empty"),
        json!("First"),
        json!([]),
        json!([1]),
        json!([1, 2, 3, 4]),
        json!({}),
        json!({"a": "b"}),
        json!({"Two": []}),
        json!({"1": 1, "x": 2}),
        json!({"Named": {}}),
        json!({" 1": 1}),
        json!({"1.5": 1}),
        json!({"Empty": 1, "One": 1}),
    ];
    let (mut read, mut refused) = (0, 0);
    for value in values() {
        let mut pointers = Vec::new();
        places(&value, "", &mut pointers);
        for pointer in pointers {
            for other in &odd {
                let mut value = value.clone();
                *value.pointer_mut(&pointer).expect("a place") = other.clone();
                if compare::<Everything>(&value).is_some() { read += 1 } else { refused += 1 }
            }
        }
    }
    assert!(read > 300 && refused > 300, "{read} read, {refused} refused");
}

fn refusal<T: DeserializeOwned + Debug>(value: Value) -> String {
    let violation = read::<T>(value).unwrap_err().into_violation();
    format!("{} {} {}", violation.pointer, violation.rule, violation.detail)
}

#[test]
fn a_refusal_names_the_place_and_what_was_wanted_and_never_what_came() {
    assert_eq!(refusal::<Everything>(json!({"wrapped": 300})), "/wrapped type must be u8");
    assert_eq!(refusal::<Everything>(json!({"strict": {"a": "secret"}})), "/strict/a type must be a character");
    assert_eq!(
        refusal::<Everything>(json!({"strict": {"a": "x", "b": [true, 3]}})),
        "/strict/b/1 type must be a boolean"
    );
    assert_eq!(refusal::<Strict>(json!({"a": "x", "c/d": 1})), "/c~1d additionalProperties is not a known field");
    assert_eq!(refusal::<Strict>(json!({"b": []})), "/a required is required");
    assert_eq!(refusal::<External>(json!({"Named": {"x": 1.5}})), "/Named/x type must be i64");
    assert_eq!(refusal::<External>(json!("Secret")), " enum must be one of `Empty`, `One`, `Two`, `Named`");
    assert_eq!(refusal::<BTreeMap<u8, u8>>(json!({"x": 1})), "/x value expected key to be a number in quotes");
    assert_eq!(refusal::<u64>(json!(1.5e300)), " type must be u64");
    assert_eq!(refusal::<(u8, u8)>(json!([1, 2, 3])), " type must be fewer elements in array");
}

#[test]
fn a_refusal_of_the_type_itself_is_in_its_words() {
    #[derive(Debug, Deserialize)]
    #[serde(try_from = "u8")]
    struct Hour(#[allow(dead_code)] u8);
    impl TryFrom<u8> for Hour {
        type Error = &'static str;
        fn try_from(hour: u8) -> Result<Self, &'static str> {
            if hour < 24 { Ok(Self(hour)) } else { Err("a day has 24 hours") }
        }
    }
    assert_eq!(refusal::<Vec<Hour>>(json!([0, 23, 24])), "/2 value a day has 24 hours");
}

/// Asks for the text of a value as `serde_json::value::RawValue` does, whose feature nothing else here needs.
struct Raw(String);

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Raw;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("any valid JSON value")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut members: A) -> Result<Raw, A::Error> {
                assert_eq!(members.next_key::<String>()?.as_deref(), Some("$serde_json::private::RawValue"));
                members.next_value().map(Raw)
            }
        }
        deserializer.deserialize_newtype_struct("$serde_json::private::RawValue", Text)
    }
}

#[test]
fn a_raw_value_is_the_text_of_one() {
    let raw: Vec<Raw> = read(json!([{"a": [1, 2.5, null]}, "x\n"])).unwrap();
    assert_eq!(raw.iter().map(|raw| raw.0.as_str()).collect::<Vec<_>>(), [r#"{"a":[1,2.5,null]}"#, r#""x\n""#]);
}
