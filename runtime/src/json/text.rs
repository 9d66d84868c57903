//! JSON texts as they come from outside (RFC 8259).
//!
//! An object that names a member twice is refused: RFC 8259 leaves open which value counts, and two parsers that choose
//! differently are how a check is evaded. Nesting is limited to [`DEPTH`] levels. What is wrong is said, and where, as
//! `serde_json` says it.

use super::number::nearest;
use serde_json::{Map, Number, Value, map::Entry};
use std::{borrow::Cow, fmt, str};

/// How many lists and objects may be open at once.
const DEPTH: u8 = 127;

/// How many elements a list has room for at first.
const FEW: usize = 4;

/// The octets at which a string is more than its text.
const SPECIAL: [bool; 256] = {
    let mut special = [false; 256];
    let mut octet = 0;
    while octet < 256 {
        special[octet] = matches!(octet as u8, b'"' | b'\\' | 0..=0x1f);
        octet += 1;
    }
    special
};

/// Reads one JSON text.
pub(crate) fn parse(text: &[u8]) -> Result<Value, SyntaxError> {
    read(text, str::from_utf8(text).ok())
}

/// The same of what is text already.
pub(crate) fn parse_str(text: &str) -> Result<Value, SyntaxError> {
    read(text.as_bytes(), Some(text))
}

fn read(text: &[u8], valid: Option<&str>) -> Result<Value, SyntaxError> {
    let mut reader = Reader { text, valid, at: 0, depth: 0 };
    let value = reader.value()?;
    match reader.next_token() {
        None => Ok(value),
        Some(_) => Err(reader.error_here("trailing characters")),
    }
}

/// Why a text is not JSON that is taken.
#[derive(Debug, PartialEq, Eq)]
pub struct SyntaxError {
    what: Cow<'static, str>,
    line: usize,
    column: usize,
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} at line {} column {}", self.what, self.line, self.column)
    }
}

impl std::error::Error for SyntaxError {}

struct Reader<'t> {
    text: &'t [u8],
    /// The same, where all of it is UTF-8: looked at once, and not string by string.
    valid: Option<&'t str>,
    /// How many octets have been taken.
    at: usize,
    /// How many lists and objects are open.
    depth: u8,
}

/// What stands at the beginning of a further element or member.
enum Further {
    /// The octet that begins it.
    Yes(u8),
    /// The list or object has been closed.
    No,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let octet = self.peek()?;
        self.at += 1;
        Some(octet)
    }

    /// The next octet that is not white space, not taken yet.
    fn next_token(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\n' | b'\t' | b'\r') = self.peek() {
            self.at += 1;
        }
        self.peek()
    }

    /// A mistake that ends with the last octet taken.
    fn error(&self, what: impl Into<Cow<'static, str>>) -> SyntaxError {
        self.error_at(self.at, what.into())
    }

    /// A mistake of the next octet.
    fn error_here(&self, what: &'static str) -> SyntaxError {
        self.error_at(self.text.len().min(self.at + 1), what.into())
    }

    fn error_at(&self, end: usize, what: Cow<'static, str>) -> SyntaxError {
        let before = &self.text[..end];
        let line_start = before.iter().rposition(|&octet| octet == b'\n').map_or(0, |at| at + 1);
        let line = 1 + before[..line_start].iter().filter(|&&octet| octet == b'\n').count();
        SyntaxError { what, line, column: end - line_start }
    }

    fn value(&mut self) -> Result<Value, SyntaxError> {
        match self.next_token() {
            None => Err(self.error_here("EOF while parsing a value")),
            Some(b'n') => self.word(b"null", Value::Null),
            Some(b't') => self.word(b"true", Value::Bool(true)),
            Some(b'f') => self.word(b"false", Value::Bool(false)),
            Some(b'-' | b'0'..=b'9') => self.number().map(Value::Number),
            Some(b'"') => self.string().map(Value::String),
            Some(b'[') => self.nested(Self::list),
            Some(b'{') => self.nested(Self::object),
            Some(_) => Err(self.error_here("expected value")),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<Value, SyntaxError>) -> Result<Value, SyntaxError> {
        if self.depth == DEPTH {
            return Err(self.error_here("recursion limit exceeded"));
        }
        self.depth += 1;
        self.at += 1;
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn word(&mut self, word: &[u8], value: Value) -> Result<Value, SyntaxError> {
        for &wanted in word {
            match self.next() {
                Some(octet) if octet == wanted => {}
                Some(_) => return Err(self.error("expected ident")),
                None => return Err(self.error("EOF while parsing a value")),
            }
        }
        Ok(value)
    }

    fn list(&mut self) -> Result<Value, SyntaxError> {
        let mut list = Vec::new();
        loop {
            match self.further(list.is_empty(), b']', "EOF while parsing a list", "expected `,` or `]`")? {
                Further::Yes(_) => {
                    let element = self.value()?;
                    if list.is_empty() {
                        list = Vec::with_capacity(FEW);
                    }
                    list.push(element);
                }
                Further::No => return Ok(Value::Array(list)),
            }
        }
    }

    fn object(&mut self) -> Result<Value, SyntaxError> {
        let eof = "EOF while parsing an object";
        let mut object = Map::new();
        loop {
            match self.further(object.is_empty(), b'}', eof, "expected `,` or `}`")? {
                Further::Yes(b'"') => {}
                Further::Yes(_) => return Err(self.error_here("key must be a string")),
                Further::No => return Ok(Value::Object(object)),
            }
            match object.entry(self.string()?) {
                Entry::Occupied(member) => {
                    return Err(self.error(format!("the member `{}` is given twice", member.key())));
                }
                Entry::Vacant(member) => {
                    match self.next_token() {
                        Some(b':') => self.at += 1,
                        Some(_) => return Err(self.error_here("expected `:`")),
                        None => return Err(self.error_here(eof)),
                    }
                    member.insert(self.value()?);
                }
            }
        }
    }

    /// Takes what stands between two elements or members, or after the last.
    fn further(
        &mut self,
        first: bool,
        close: u8,
        eof: &'static str,
        unexpected: &'static str,
    ) -> Result<Further, SyntaxError> {
        let next = self.next_token().ok_or_else(|| self.error_here(eof))?;
        if next == close {
            self.at += 1;
            return Ok(Further::No);
        }
        if first {
            return Ok(Further::Yes(next));
        }
        if next != b',' {
            return Err(self.error_here(unexpected));
        }
        self.at += 1;
        match self.next_token() {
            None => Err(self.error_here("EOF while parsing a value")),
            Some(next) if next == close => Err(self.error_here("trailing comma")),
            Some(next) => Ok(Further::Yes(next)),
        }
    }

    fn number(&mut self) -> Result<Number, SyntaxError> {
        let begin = self.at;
        let negative = self.peek() == Some(b'-');
        self.at += usize::from(negative);
        match self.next() {
            Some(b'0') => {
                if let Some(b'0'..=b'9') = self.peek() {
                    return Err(self.error_here("invalid number"));
                }
            }
            Some(b'1'..=b'9') => self.digits(),
            Some(_) => return Err(self.error("invalid number")),
            None => return Err(self.error("EOF while parsing a value")),
        }
        let mut whole = true;
        if self.peek() == Some(b'.') {
            whole = false;
            self.at += 1;
            match self.peek() {
                Some(b'0'..=b'9') => self.digits(),
                Some(_) => return Err(self.error_here("invalid number")),
                None => return Err(self.error_here("EOF while parsing a value")),
            }
        }
        if let Some(b'e' | b'E') = self.peek() {
            whole = false;
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            match self.next() {
                Some(b'0'..=b'9') => self.digits(),
                Some(_) => return Err(self.error("invalid number")),
                None => return Err(self.error("EOF while parsing a value")),
            }
        }
        // The grammar has let nothing through but ASCII.
        let text = str::from_utf8(&self.text[begin..self.at]).unwrap_or_default();
        if whole {
            // What does not fit into 64 bits is a double, and so is `-0`.
            let number = match negative {
                false => text.parse().ok().map(u64::into),
                true => text.parse().ok().filter(|&number: &i64| number != 0).map(i64::into),
            };
            if let Some(number) = number {
                return Ok(number);
            }
        }
        nearest(text).and_then(Number::from_f64).ok_or_else(|| self.error("number out of range"))
    }

    fn digits(&mut self) {
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
    }

    fn string(&mut self) -> Result<String, SyntaxError> {
        const EOF: &str = "EOF while parsing a string";
        self.at += 1;
        let begin = self.at;
        self.plain();
        // Most have no escapes, and take as much room as they are long.
        if self.peek() == Some(b'"') {
            let end = self.at;
            self.at += 1;
            return match self.valid.and_then(|text| text.get(begin..end)) {
                Some(text) => Ok(text.to_owned()),
                None => self.decoded(self.text[begin..end].to_vec(), begin),
            };
        }
        let mut octets = self.text[begin..self.at].to_vec();
        loop {
            match self.next() {
                None => return Err(self.error(EOF)),
                Some(b'"') => return self.decoded(octets, begin),
                Some(b'\\') => {}
                Some(_) => return Err(self.error("control character (\\u0000-\\u001F) found while parsing a string")),
            }
            octets.push(match self.next() {
                Some(octet @ (b'"' | b'\\' | b'/')) => octet,
                Some(b'b') => 0x08,
                Some(b'f') => 0x0c,
                Some(b'n') => b'\n',
                Some(b'r') => b'\r',
                Some(b't') => b'\t',
                Some(b'u') => {
                    let character = self.escaped()?;
                    octets.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                    octets.extend_from_slice(self.plain());
                    continue;
                }
                Some(_) => return Err(self.error("invalid escape")),
                None => return Err(self.error(EOF)),
            });
            octets.extend_from_slice(self.plain());
        }
    }

    /// Takes what of a string is its text as it stands.
    fn plain(&mut self) -> &[u8] {
        let rest = &self.text[self.at..];
        let plain = rest.iter().position(|&octet| SPECIAL[usize::from(octet)]).unwrap_or(rest.len());
        self.at += plain;
        &rest[..plain]
    }

    /// The text of a string that begins there, or the mistake of its first octet that is not UTF-8.
    fn decoded(&self, octets: Vec<u8>, begin: usize) -> Result<String, SyntaxError> {
        String::from_utf8(octets).map_err(|_| {
            let valid = str::from_utf8(&self.text[begin..self.at]).map_or_else(|error| error.valid_up_to(), str::len);
            self.error_at(begin + valid + 1, "invalid unicode code point".into())
        })
    }

    /// The character of an escape whose `\u` has been taken; two of them make one beyond the basic plane.
    fn escaped(&mut self) -> Result<char, SyntaxError> {
        const LONE: &str = "lone leading surrogate in hex escape";
        let first = self.hex()?;
        match first {
            0xd800..=0xdbff => {}
            _ => return char::from_u32(first).ok_or_else(|| self.error(LONE)),
        }
        for wanted in [b'\\', b'u'] {
            match self.next() {
                Some(octet) if octet == wanted => {}
                Some(_) => return Err(self.error("unexpected end of hex escape")),
                None => return Err(self.error("EOF while parsing a string")),
            }
        }
        match self.hex()? {
            second @ 0xdc00..=0xdfff => {
                let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                char::from_u32(code).ok_or_else(|| self.error(LONE))
            }
            _ => Err(self.error(LONE)),
        }
    }

    fn hex(&mut self) -> Result<u32, SyntaxError> {
        let Some(digits) = self.text.get(self.at..self.at + 4) else {
            self.at = self.text.len();
            return Err(self.error("EOF while parsing a string"));
        };
        self.at += 4;
        let mut code = 0;
        for &digit in digits {
            code = code << 4 | char::from(digit).to_digit(16).ok_or_else(|| self.error("invalid escape"))?;
        }
        Ok(code)
    }
}

#[cfg(test)]
mod tests;
