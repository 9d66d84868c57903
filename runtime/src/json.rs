//! JSON on its way to a function: from a text to a [`Value`](serde_json::Value), and from that to the type of the input.
//!
//! `serde_json` can do both, and its tree of values is the one used here. But its errors can print every number that came,
//! and what prints and reads floating-point numbers is 36 kB of code and tables in every bundle. Reading texts and trees
//! here takes 25 kB off a Worker of one validated function as it is sent (`benches/README.md`, "Workers"), and an error
//! knows where in the input it is. That both read alike is tested side by side.

mod number;
mod text;
mod typed;

pub(crate) use text::parse;
pub use typed::ReadError;
pub(crate) use typed::read;

/// The JSON Pointer of a member of the whole (RFC 6901).
pub(crate) fn pointer(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}
