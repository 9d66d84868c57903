use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};
use std::fmt;

/// Octets as a scenario writes them.
///
/// A text stands for itself, `{repeat: text, times: n}` for a long one, `{base64: text}` for octets that are no text, and a
/// list for its parts one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Octets(pub Vec<u8>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Piece {
    repeat: Option<String>,
    times: Option<usize>,
    base64: Option<String>,
}

impl<'de> Deserialize<'de> for Octets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OctetsVisitor)
    }
}

struct OctetsVisitor;

impl<'de> Visitor<'de> for OctetsVisitor {
    type Value = Octets;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text, `{repeat, times}`, `{base64}` or a list of these")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Octets, E> {
        Ok(Octets(text.as_bytes().to_vec()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Octets, A::Error> {
        match Piece::deserialize(MapAccessDeserializer::new(map))? {
            Piece { repeat: Some(text), times: Some(times), base64: None } => Ok(Octets(text.repeat(times).into())),
            Piece { repeat: None, times: None, base64: Some(text) } => {
                let octets = BASE64_STANDARD.decode(&text);
                octets.map(Octets).map_err(|why| A::Error::custom(format!("`base64` is none: {why}")))
            }
            _ => Err(A::Error::custom("a piece has either `repeat` and `times` or `base64`")),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut pieces: A) -> Result<Octets, A::Error> {
        let mut all = Octets::default();
        while let Some(Octets(piece)) = pieces.next_element()? {
            all.0.extend(piece);
        }
        Ok(all)
    }
}

impl fmt::Display for Octets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&shown(&self.0, 0))
    }
}

/// How many octets are shown on either side of where two bodies part.
const AROUND: usize = 300;

/// Octets for a person: text where they are text, else base64; of many, those around a place.
pub(super) fn shown(octets: &[u8], at: usize) -> String {
    let (from, to) = (at.saturating_sub(AROUND), octets.len().min(at + AROUND));
    let whole = from == 0 && to == octets.len();
    let part = octets.get(from..to).unwrap_or_default();
    let text = match std::str::from_utf8(octets) {
        Ok(_) => String::from_utf8_lossy(part).into_owned(),
        Err(_) => format!("base64 {}", BASE64_STANDARD.encode(part)),
    };
    if whole { text } else { format!("… {text} … (octets {from} to {to} of {})", octets.len()) }
}

/// Where two bodies part.
pub(super) fn parting(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(one, other)| one == other).count()
}
