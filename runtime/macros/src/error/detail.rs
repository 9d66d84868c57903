//! The public text of an error: a format string over the fields of its variant.

use crate::errors::Mistakes;
use syn::{Fields, Ident, LitStr, Member, ext::IdentExt};

/// A format string whose fields are known.
pub(super) struct Detail {
    /// The string, with `{0}` written `{_0}`.
    pub(super) format: LitStr,
    /// The fields it shows, each with the name it is bound to.
    pub(super) shown: Vec<(Member, Ident)>,
}

/// Reads a format string, noting what names no field.
pub(super) fn read(literal: &LitStr, fields: &Fields, mistakes: &mut Mistakes) -> Detail {
    let text = literal.value();
    let mut format = String::with_capacity(text.len());
    let mut detail = Detail { format: literal.clone(), shown: Vec::new() };
    let mut rest = text.as_str();
    while let Some(at) = rest.find(['{', '}']) {
        format.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(escape) = ["{{", "}}"].into_iter().find(|escape| rest.starts_with(escape)) {
            format.push_str(escape);
            rest = &rest[escape.len()..];
            continue;
        }
        let Some(end) = rest.find('}').filter(|_| rest.starts_with('{')) else {
            mistakes.note(literal, "a brace stands alone here: write `{{` or `}}` for the brace itself");
            return detail;
        };
        let (name, options) = rest[1..end].split_at(rest[1..end].find(':').unwrap_or(end - 1));
        rest = &rest[end + 1..];
        if let Some((member, binding)) = find(name.trim(), literal, fields, mistakes) {
            format.push_str(&format!("{{{binding}{options}}}"));
            if detail.shown.iter().all(|(_, known)| *known != binding) {
                detail.shown.push((member, binding));
            }
        }
    }
    format.push_str(rest);
    detail.format = LitStr::new(&format, literal.span());
    detail
}

fn find(name: &str, literal: &LitStr, fields: &Fields, mistakes: &mut Mistakes) -> Option<(Member, Ident)> {
    let found = fields.members().find(|member| match member {
        Member::Named(ident) => ident.unraw() == name,
        Member::Unnamed(index) => index.index.to_string() == name,
    });
    let Some(member) = found else {
        mistakes.note(literal, unknown(name, fields));
        return None;
    };
    // A format string can show neither `0` nor `r#type`.
    let binding = match &member {
        Member::Named(ident) if *ident == ident.unraw() => ident.to_string(),
        Member::Named(ident) => format!("_{}", ident.unraw()),
        Member::Unnamed(index) => format!("_{}", index.index),
    };
    let binding = Ident::new(&binding, literal.span());
    Some((member, binding))
}

fn unknown(name: &str, fields: &Fields) -> String {
    let known: Vec<String> = fields
        .members()
        .map(|member| match member {
            Member::Named(ident) => format!("`{{{}}}`", ident.unraw()),
            Member::Unnamed(index) => format!("`{{{}}}`", index.index),
        })
        .collect();
    let known = if known.is_empty() {
        "there are no fields to show; write `{{` for the brace itself".to_owned()
    } else {
        format!("the fields are {}", known.join(", "))
    };
    format!("`{{{name}}}` names no field: {known}")
}
