//! Patterns in the language of the small regex engine.
//!
//! A schema's `pattern` is an ECMA-262 expression. It is translated the way the interpreting validator does it, then
//! parsed into the plain form that `regex-syntax` gives (literals, sets of characters, repetition, choice, the two
//! ends of the text), and written out again. What is written has no classes, flags or escapes whose meaning could
//! differ between engines, so both engines agree by construction.

use regex_syntax::hir::{Class, Hir, HirKind, Look};
use std::fmt::Write as _;

/// What can be done with a pattern.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Lowered {
    /// The macro turns it into a comparison of text, without an engine.
    Literal,
    /// The small engine's expression for it.
    Small(String),
    /// Only the full engine can check it.
    Full(&'static str),
}

/// The longest expression that is written; a Unicode class such as `\p{L}` takes about 8,000 bytes.
const MAX_EXPRESSION: usize = 64 * 1024;

pub(super) fn lower(pattern: &str) -> Lowered {
    if jsonschema_regex::analyze_pattern(pattern).is_some() {
        return Lowered::Literal;
    }
    let Ok(translated) = jsonschema_regex::to_rust_regex(pattern) else {
        return Lowered::Full("it is not a valid pattern");
    };
    let Ok(hir) = regex_syntax::parse(&translated) else {
        return Lowered::Full("it looks around or refers back");
    };
    let mut expression = String::new();
    match write(&hir, &mut expression) {
        Err(reason) => Lowered::Full(reason),
        Ok(()) if expression.len() > MAX_EXPRESSION => Lowered::Full("it is very long"),
        Ok(()) if regex_lite::Regex::new(&expression).is_err() => Lowered::Full("it is too large or too deep"),
        Ok(()) => Lowered::Small(expression),
    }
}

fn write(hir: &Hir, out: &mut String) -> Result<(), &'static str> {
    match hir.kind() {
        HirKind::Empty => out.push_str("(?:)"),
        HirKind::Literal(literal) => {
            let text = std::str::from_utf8(&literal.0).map_err(|_| "it matches bytes")?;
            out.push_str(&regex_lite::escape(text));
        }
        HirKind::Class(Class::Bytes(_)) => return Err("it matches bytes"),
        HirKind::Class(Class::Unicode(class)) => {
            if class.ranges().is_empty() {
                return Err("part of it can never match");
            }
            out.push('[');
            for range in class.ranges() {
                // Writing to a `String` cannot fail.
                let _ = match (range.start(), range.end()) {
                    (start, end) if start == end => write!(out, "{}", Escaped(start)),
                    (start, end) => write!(out, "{}-{}", Escaped(start), Escaped(end)),
                };
            }
            out.push(']');
        }
        HirKind::Look(Look::Start) => out.push_str("\\A"),
        HirKind::Look(Look::End) => out.push_str("\\z"),
        HirKind::Look(_) => return Err("it uses word boundaries or the ends of lines"),
        HirKind::Repetition(repetition) => {
            group(&repetition.sub, out)?;
            match (repetition.min, repetition.max) {
                (0, Some(1)) => out.push('?'),
                (0, None) => out.push('*'),
                (1, None) => out.push('+'),
                (min, Some(max)) if min == max => {
                    let _ = write!(out, "{{{min}}}");
                }
                (min, Some(max)) => {
                    let _ = write!(out, "{{{min},{max}}}");
                }
                (min, None) => {
                    let _ = write!(out, "{{{min},}}");
                }
            }
        }
        HirKind::Capture(capture) => group(&capture.sub, out)?,
        HirKind::Concat(parts) => {
            for part in parts {
                match part.kind() {
                    HirKind::Alternation(_) => group(part, out)?,
                    _ => write(part, out)?,
                }
            }
        }
        HirKind::Alternation(branches) => {
            for (index, branch) in branches.iter().enumerate() {
                if index > 0 {
                    out.push('|');
                }
                write(branch, out)?;
            }
        }
    }
    Ok(())
}

/// Writes a part so that an operator after it takes all of it.
fn group(hir: &Hir, out: &mut String) -> Result<(), &'static str> {
    if matches!(hir.kind(), HirKind::Class(_)) {
        return write(hir, out);
    }
    out.push_str("(?:");
    write(hir, out)?;
    out.push(')');
    Ok(())
}

/// A character inside a set.
struct Escaped(char);

impl std::fmt::Display for Escaped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            c if c.is_ascii_alphanumeric() => write!(f, "{c}"),
            c => write!(f, "\\x{{{:X}}}", u32::from(c)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small(pattern: &str) -> regex_lite::Regex {
        match lower(pattern) {
            Lowered::Small(expression) => regex_lite::Regex::new(&expression).unwrap(),
            other => panic!("{pattern}: {other:?}"),
        }
    }

    /// The reference: what the interpreting validator says.
    fn interpreted(pattern: &str, text: &str) -> bool {
        jsonschema::is_valid(&serde_json::json!({"pattern": pattern}), &serde_json::Value::from(text))
    }

    #[test]
    fn both_engines_agree() {
        let patterns = [
            r"^[a-z0-9._%+-]+@[a-z0-9.-]+\.[a-z]{2,}$",
            r"^\d{3}-\d{4}$",
            r"\s+x",
            r"^\S+\s?$",
            r"^[\w-]+$",
            r"^[^\d\s]+$",
            r"^(foo|ba[rz])+?(qux)?$",
            r"^.{1,3}$",
            r"^\p{Lu}\p{L}*$",
            r"a{2,3}b|c$",
            r"^(?:|x)$",
            r"[\[\]\\^-]",
            r"^\u0061\x62\t$",
            r"^[^a]$",
            r"^(a|b|)*c$",
            r"\cA",
        ];
        let texts = [
            "",
            "a",
            "ab\t",
            "b",
            "c",
            "aab",
            "aaab",
            "x",
            " x",
            "\u{a0}x",
            "\u{feff}x",
            "\u{85}x",
            "123-4567",
            "١٢٣-٤٥٦٧",
            "foo",
            "foobarqux",
            "fooquxbaz",
            "Élan",
            "élan",
            "a.b@c.de",
            "a@b",
            "a-b_c",
            "a b",
            "\n",
            "\r",
            "\u{2028}",
            "𝒳",
            "日本語",
            "[",
            "]",
            "\\",
            "^",
            "-",
            "\u{1}",
            "abc",
            "bac",
            "ſ",
            "K",
            "e\u{301}",
        ];
        for pattern in patterns {
            let regex = small(pattern);
            for text in texts {
                assert_eq!(regex.is_match(text), interpreted(pattern, text), "{pattern} on {text:?}");
            }
        }
    }

    #[test]
    fn what_the_small_engine_cannot_express_is_left() {
        for pattern in [r"^(?!x).*$", r"(a)\1", r"\bword\b", r"(?m)^x"] {
            assert!(matches!(lower(pattern), Lowered::Full(_)), "{pattern}");
        }
        assert_eq!(lower("[a-z"), Lowered::Full("it is not a valid pattern"));
    }

    #[test]
    fn text_needs_no_engine() {
        for pattern in ["^x-", "^(card|bill)$", "^exact$"] {
            assert_eq!(lower(pattern), Lowered::Literal, "{pattern}");
        }
    }
}
