use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};
use serde_json::value::RawValue;
use std::{borrow::Cow, fmt, ops::Deref};

/// Text of the payload, borrowed where it holds no escapes.
#[derive(Debug, Clone)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a string")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(TextVisitor)
    }
}

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
/// same names (`ApplyBindingData` of the host's `Utility`: all but arrays and `null`), so those are unknown.
#[derive(Debug)]
pub(crate) struct Metadata<'a> {
    members: &'a Members<'a>,
    replaced: Vec<String>,
}

impl<'a> Metadata<'a> {
    pub(crate) fn of(members: &'a Members<'a>, body: &str) -> Self {
        let replaced = if body.trim_start().starts_with('{') {
            let own: Members<'_> = serde_json::from_str(body).unwrap_or_default();
            own.0
                .iter()
                .filter(|(_, value)| !value.get().starts_with('['))
                .map(|(name, _)| name.0.clone().into_owned())
                .collect()
        } else {
            Vec::new()
        };
        Self { members, replaced }
    }

    /// What the host says by that name.
    pub(crate) fn get(&self, name: &str) -> Option<&'a RawValue> {
        if self.replaced.iter().any(|known| known.eq_ignore_ascii_case(name)) { None } else { self.members.get(name) }
    }

    /// The same as text.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.get(name).map(decoded).filter(|text| !text.is_empty())
    }

    /// The names that only the body has said something by, among those.
    pub(crate) fn replaced(&self, names: &[&str]) -> Option<String> {
        let all: Vec<&str> =
            names.iter().copied().filter(|name| self.get(name).is_none() && self.members.get(name).is_some()).collect();
        if all.is_empty() { None } else { Some(all.join(", ")) }
    }
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
        let json = r#"{"Id":"\"x\"","DequeueCount":"3","sys":{},"PopReceipt":null,"InsertionTime":"t"}"#;
        let members: Members<'_> = serde_json::from_str(json).unwrap();
        let metadata = Metadata::of(&members, r#"{"id":"x","InsertionTime":[1]}"#);
        assert_eq!((metadata.text("Id"), metadata.text("PopReceipt")), (None, None));
        assert_eq!(
            (metadata.text("DequeueCount").as_deref(), metadata.text("insertiontime").as_deref()),
            (Some("3"), Some("t"))
        );
        assert_eq!(metadata.replaced(&["Id", "DequeueCount"]).as_deref(), Some("Id"));
        assert_eq!(Metadata::of(&members, "{broken").text("Id").as_deref(), Some("x"));
    }
}
