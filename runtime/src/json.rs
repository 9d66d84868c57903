//! JSON as the inputs of functions are read: from a text to a [`Value`], and from that to a type.
//!
//! A service that reads JSON through here adds nothing to a bundle:
//!
//! ```
//! let sizes: Vec<u8> = pikku::json::from_slice(b"[1, 2, 255]")?;
//! assert_eq!(sizes, [1, 2, 255]);
//! let error = pikku::json::from_slice::<Vec<u8>>(b"[1, 2, 256]").unwrap_err();
//! assert_eq!(error.to_string(), "the value at `/2` must be u8");
//! # Ok::<(), pikku::json::Error>(())
//! ```
//!
//! `serde_json` can do both, and its tree of values is the one used here. But its errors can print every number that came,
//! and what prints and reads floating-point numbers is 50 kB of code and tables in every bundle. Reading texts and trees
//! here took 23 kB off a Worker of one validated function as it is sent, from 124 to 101 kB, and an error knows where in
//! the input it is. That both read alike is tested side by side.

mod borrowed;
mod number;
mod text;
mod typed;

pub use borrowed::Text;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fmt;
pub use text::SyntaxError;
pub(crate) use text::{parse, parse_str};
pub use typed::ReadError;

/// Why a text could not be read as a type.
#[derive(Debug)]
pub enum Error {
    /// It is no JSON, or names a member twice.
    Syntax(SyntaxError),
    /// It is not of the type.
    Type(ReadError),
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(error) => error.fmt(formatter),
            Self::Type(error) => error.fmt(formatter),
        }
    }
}

impl std::error::Error for Error {}

/// Reads a JSON text as a type.
///
/// # Errors
///
/// The text is no JSON, names a member twice, or is not of the type.
pub fn from_slice<T: DeserializeOwned>(text: &[u8]) -> Result<T, Error> {
    from_value(parse(text).map_err(Error::Syntax)?).map_err(Error::Type)
}

/// Reads a tree of JSON as a type.
///
/// # Errors
///
/// The value is not of the type.
pub fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, ReadError> {
    typed::read(value)
}

/// The JSON Pointer of a member of the whole (RFC 6901).
pub(crate) fn pointer(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}
