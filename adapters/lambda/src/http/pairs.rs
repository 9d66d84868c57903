use crate::event::Text;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use std::fmt;

/// A JSON object of strings, in order. A member that is `null` is left out.
#[derive(Debug, Default)]
pub(crate) struct Pairs<'a>(pub(crate) Vec<(Text<'a>, Text<'a>)>);

/// A JSON object of lists of strings, flattened, in order.
#[derive(Debug, Default)]
pub(crate) struct MultiPairs<'a>(pub(crate) Vec<(Text<'a>, Text<'a>)>);

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PairsVisitor;

        impl<'de> Visitor<'de> for PairsVisitor {
            type Value = Pairs<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object of strings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Pairs<'de>, A::Error> {
                let mut pairs = Vec::with_capacity(16);
                while let Some((name, value)) = members.next_entry::<Text<'de>, Option<Text<'de>>>()? {
                    pairs.extend(value.map(|value| (name, value)));
                }
                Ok(Pairs(pairs))
            }
        }

        deserializer.deserialize_map(PairsVisitor)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for MultiPairs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MultiPairsVisitor;

        impl<'de> Visitor<'de> for MultiPairsVisitor {
            type Value = MultiPairs<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object of lists of strings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<MultiPairs<'de>, A::Error> {
                let mut pairs = Vec::with_capacity(16);
                while let Some((name, values)) = members.next_entry::<Text<'de>, Option<Vec<Text<'de>>>>()? {
                    pairs.extend(values.into_iter().flatten().map(|value| (name.clone(), value)));
                }
                Ok(MultiPairs(pairs))
            }
        }

        deserializer.deserialize_map(MultiPairsVisitor)
    }
}
