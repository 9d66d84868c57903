//! The form of a message with a signed caller in a queue whose messages have no attributes: lines above its body.
//!
//! ```text
//! pikku-message: 1
//! pikku-caller: eyJ…
//! traceparent: 00-…
//! tracestate: …
//!
//! {"id":7}
//! ```
//!
//! No JSON text begins so, hence nothing that an app sends is taken for one. A message without a caller lies in the queue as
//! it is, for whoever reads it there.

use super::{CALLER, TRACEPARENT, TRACESTATE};
use crate::BoxError;

const BEGIN: &str = "pikku-message: 1\n";
/// The most octets of the lines.
const LONGEST: usize = 8 * 1_024;

/// A body with what is said of it: who caused it, and of its other attributes the trace.
pub(crate) fn wrap(token: &str, attributes: &[(&str, &str)], body: &str) -> Result<String, BoxError> {
    let mut text = String::with_capacity(BEGIN.len() + token.len() + body.len() + 128);
    text.push_str(BEGIN);
    let trace = attributes.iter().copied().filter(|(name, _)| [TRACEPARENT, TRACESTATE].contains(name));
    for (name, value) in [(CALLER, token)].into_iter().chain(trace) {
        if value.contains(char::is_control) {
            return Err(format!("`{name}` of a message has a control character").into());
        }
        text.extend([name, ": ", value, "\n"]);
    }
    if text.len() > LONGEST {
        return Err("what is said of a message beside its body is too long".into());
    }
    text.extend(["\n", body]);
    Ok(text)
}

/// What is said of a body, and where it begins; `None` where it is the body alone.
pub(super) fn unwrap(text: &str) -> Option<(impl Iterator<Item = (&str, &str)>, usize)> {
    let lines = text.strip_prefix(BEGIN)?;
    // The end is looked for within what it can be in: a long body is not gone through.
    let window = lines.as_bytes().get(..LONGEST).unwrap_or(lines.as_bytes());
    // Without a line there is an empty one at once.
    let length =
        if window.first() == Some(&b'\n') { 0 } else { window.windows(2).position(|pair| pair == b"\n\n")? + 1 };
    let lines = lines.get(..length)?;
    let fields = lines.lines().filter_map(|line| line.split_once(": "));
    Some((fields, BEGIN.len() + length + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(text: &str) -> Option<(Vec<(&str, &str)>, &str)> {
        unwrap(text).map(|(fields, body)| (fields.collect(), &text[body..]))
    }

    #[test]
    fn what_was_wrapped_is_unwrapped() {
        for body in ["{\"id\":7}", "", "\n\n", "pikku-message: 1\n\n\"ä\"", &"x".repeat(100_000)] {
            let attributes = [(TRACEPARENT, "00-1-2-3"), ("tenant", "1"), (TRACESTATE, "a=b")];
            let text = wrap("a.b.c", &attributes, body).unwrap();
            let said = vec![(CALLER, "a.b.c"), attributes[0], attributes[2]];
            assert_eq!(opened(&text), Some((said, body)));
            let text = wrap("a.b.c", &[], body).unwrap();
            assert_eq!(opened(&text), Some((vec![(CALLER, "a.b.c")], body)));
        }
    }

    #[test]
    fn what_cannot_be_told_apart_is_not_wrapped() {
        assert!(wrap("a\nb", &[], "").is_err() && wrap("a", &[(TRACEPARENT, "\r")], "").is_err());
        assert!(wrap(&"a".repeat(LONGEST), &[], "").is_err());
    }

    #[test]
    fn anything_else_is_the_body_alone() {
        let endless = format!("{BEGIN}{}\n\n", "a".repeat(LONGEST));
        for text in
            ["", "{}", "pikku-message: 2\n\n{}", "pikku-message: 1", BEGIN, "pikku-message: 1\na: b\n{}", &endless]
        {
            assert_eq!(opened(text), None, "{text}");
        }
        assert_eq!(opened("pikku-message: 1\n\n{}"), Some((vec![], "{}")));
        assert_eq!(opened("pikku-message: 1\nä\nb: c: d\n\n\nä"), Some((vec![("b", "c: d")], "\nä")));
    }
}
