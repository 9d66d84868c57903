//! JSON with comments, as wrangler reads it.

/// The same text without comments and without commas before a closing bracket; lines stay where they are.
pub(crate) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    // Where the last comma stands that only white space and comments follow so far.
    let mut comma = None;
    while let Some(c) = rest.chars().next() {
        if rest.starts_with("//") {
            rest = &rest[rest.find('\n').unwrap_or(rest.len())..];
            continue;
        }
        if let Some(comment) = rest.strip_prefix("/*") {
            let end = comment.find("*/").map_or(comment.len(), |end| end + 2);
            out.extend(comment[..end].chars().filter(|c| *c == '\n'));
            rest = &comment[end..];
            continue;
        }
        let taken = if c == '"' { string(rest) } else { c.len_utf8() };
        if matches!(c, ']' | '}')
            && let Some(comma) = comma
        {
            out.replace_range(comma..=comma, " ");
        }
        if c == ',' {
            comma = Some(out.len());
        } else if !c.is_whitespace() {
            comma = None;
        }
        out.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    out
}

/// The length of the string that a text begins with.
fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::plain;
    use serde_json::{Value, json};

    #[test]
    fn comments_and_last_commas_go() {
        let text = "// one\n{\"a\": [1, 2, /* three,\n */ ], // \"b\"\n \"c//\": \"/*\\\"*/,]\", }\n// end";
        let value: Value = serde_json::from_str(&plain(text)).expect("JSON");
        assert_eq!(value, json!({"a": [1, 2], "c//": "/*\"*/,]"}));
        assert_eq!(plain(text).matches('\n').count(), text.matches('\n').count());
    }

    #[test]
    fn what_is_broken_stays_broken() {
        for text in ["{\"a", "/* open", "[1,,]", "{,}x", "\"\\"] {
            assert!(serde_json::from_str::<Value>(&plain(text)).is_err(), "{text}");
        }
    }
}
