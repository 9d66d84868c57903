use pikku::json::Text;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;
use std::fmt;

/// The members of a JSON object, in order. One that is `null` is left out.
#[derive(Debug, Default)]
pub(crate) struct Members<'a>(pub(crate) Vec<(Text<'a>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;

        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Members<'de>, A::Error> {
                let mut pairs = Vec::with_capacity(16);
                while let Some((name, value)) = members.next_entry::<Text<'de>, &'de RawValue>()? {
                    if value.get() != "null" {
                        pairs.push((name, value));
                    }
                }
                Ok(Members(pairs))
            }
        }

        deserializer.deserialize_map(MembersVisitor)
    }
}

impl<'a> Members<'a> {
    /// The member of that name, whatever its case: .NET does not mind it.
    pub(crate) fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }

    /// A member as text.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.get(name).map(decoded)
    }
}

/// The text of a JSON string; `None` of any other value.
pub(crate) fn string(json: &RawValue) -> Option<String> {
    serde_json::from_str(json.get()).ok()
}

/// A value as text. The host writes strings as JSON within a JSON string, and numbers within one too; documents show both
/// written once. Objects and arrays stay JSON.
pub(crate) fn decoded(json: &RawValue) -> String {
    let Some(text) = string(json) else { return json.get().to_owned() };
    if text.starts_with('"')
        && let Ok(inner) = serde_json::from_str::<String>(&text)
    {
        return inner;
    }
    text
}

/// What the host says of a message, as far as it can be believed: the members of a JSON body replace the host's own of the
/// same names (`ApplyBindingData` of the host's `Utility`: all but arrays and `null`). So a value that the body has under
/// that name too is nobody's, unless it is another.
#[derive(Debug)]
pub(crate) struct Metadata<'a> {
    members: &'a Members<'a>,
    replaced: Vec<String>,
}

impl<'a> Metadata<'a> {
    pub(crate) fn of(members: &'a Members<'a>, body: &str) -> Self {
        let body = if body.trim_start().starts_with('{') { body } else { "{}" };
        let own: Members<'_> = serde_json::from_str(body).unwrap_or_default();
        let replaces = |(name, value): &(Text<'_>, &RawValue)| {
            !value.get().starts_with('[') && members.get(name).is_some_and(|known| may_be(known, value))
        };
        let replaced = own.0.iter().filter(|member| replaces(member)).map(|(name, _)| name.0.clone().into_owned());
        Self { members, replaced: replaced.collect() }
    }

    /// What the host says by that name.
    pub(crate) fn get(&self, name: &str) -> Option<&'a RawValue> {
        if self.replaced.iter().any(|known| known.eq_ignore_ascii_case(name)) { None } else { self.members.get(name) }
    }

    /// The same as text.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.get(name).map(decoded).filter(|text| !text.is_empty())
    }

    /// Those of these names that the body has replaced.
    pub(crate) fn replaced(&self, names: &[&str]) -> Option<String> {
        let is_replaced = |name: &&&str| self.replaced.iter().any(|known| known.eq_ignore_ascii_case(name));
        let all: Vec<&str> = names.iter().filter(is_replaced).copied().collect();
        if all.is_empty() { None } else { Some(all.join(", ")) }
    }
}

/// Whether the host may have written a member of a body so: numbers and dates it writes in forms of its own.
fn may_be(known: &RawValue, of_body: &RawValue) -> bool {
    if of_body.get().starts_with('{') {
        let value = |json: &RawValue| serde_json::from_str::<serde_json::Value>(json.get()).ok();
        return value(known) == value(of_body);
    }
    let (known, of_body) = (decoded(known), string(of_body).unwrap_or_else(|| of_body.get().to_owned()));
    let number = |text: &str| text.parse::<f64>().ok();
    known.eq_ignore_ascii_case(&of_body)
        || is_date(&of_body)
        || number(&known).is_some_and(|known| number(&of_body) == Some(known))
}

/// Whether Json.NET, by which the host reads and writes JSON, makes a date of a string: it begins as one of ISO 8601 with a
/// time, or is one of Microsoft's own (`DateTimeUtils.TryParseDateTime`).
pub(crate) fn is_date(text: &str) -> bool {
    let octets = text.as_bytes();
    let iso = (19..=40).contains(&octets.len()) && octets[0].is_ascii_digit() && octets[10] == b'T';
    iso || (text.starts_with("/Date(") && text.ends_with(")/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.to_owned()).unwrap()
    }

    #[test]
    fn a_string_within_a_string_is_one() {
        for (json, text) in [
            (r#""{ message: \"sent\" }""#, r#"{ message: "sent" }"#),
            (r#""\"hello\"""#, "hello"),
            (r#""\"\\\"quoted\\\"\"""#, "\"quoted\""),
            (r#""\"{\\\"a\\\":1}\"""#, r#"{"a":1}"#),
            (r#""1""#, "1"),
            ("4", "4"),
            (r#""\"""#, "\""),
            (r#"{"a":1}"#, r#"{"a":1}"#),
        ] {
            assert_eq!(decoded(&raw(json)), text, "{json}");
        }
    }

    #[test]
    fn what_a_body_says_is_not_what_the_host_says() {
        let json = r#"{"Id":"\"x\"","DequeueCount":"3","SequenceNumber":"7","sys":{},"PopReceipt":null,"InsertionTime":"t",
            "ExpirationTime":"\"10/12/2023 20:13:49\"","Properties":{"a":1},"Label":"\"True\""}"#;
        let members: Members<'_> = serde_json::from_str(json).unwrap();
        let of = |body: &str, name: &str| Metadata::of(&members, body).text(name);
        for (body, name) in [
            (r#"{"id":"x"}"#, "Id"),
            (r#"{"DequeueCount":3.0}"#, "DequeueCount"),
            (r#"{"dequeuecount":"3"}"#, "DequeueCount"),
            (r#"{"ExpirationTime":"2023-10-12T20:13:49Z"}"#, "ExpirationTime"),
            (r#"{"Properties":{ "a":1}}"#, "Properties"),
            (r#"{"Label":true}"#, "Label"),
        ] {
            assert_eq!(of(body, name), None, "{body}");
            assert_eq!(Metadata::of(&members, body).replaced(&["None", name]).as_deref(), Some(name));
        }
        // What the body says otherwise, it has not replaced.
        assert_eq!(of(r#"{"id":"y"}"#, "Id").as_deref(), Some("x"));
        assert_eq!(of(r#"{"InsertionTime":["t"],"Id":null}"#, "InsertionTime").as_deref(), Some("t"));
        assert_eq!(of("{broken", "Id").as_deref(), Some("x"));
        assert_eq!(of("{}", "PopReceipt"), None);
    }
}
