//! Doc comments and the ways names are written.

use proc_macro2::Span;
use syn::{Attribute, Expr, ExprLit, Ident, Lit, Meta, ext::IdentExt};

/// A local name that the user's names cannot meet: hygiene keeps them apart.
pub(crate) fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

/// The doc comment: its lines joined by newlines, each without the space after `///`.
pub(crate) fn doc_comment(attributes: &[Attribute]) -> String {
    let lines: Vec<String> = attributes.iter().filter_map(doc_line).collect();
    lines.join("\n").trim().to_owned()
}

fn doc_line(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(pair) = &attribute.meta else { return None };
    let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = &pair.value else { return None };
    pair.path.is_ident("doc").then(|| {
        // A block comment is one attribute of many lines.
        let text = text.value();
        let lines: Vec<&str> = text.lines().map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end()).collect();
        lines.join("\n")
    })
}

/// The first paragraph of a doc comment on one line, without its full stop.
pub(crate) fn summary(doc: &str) -> String {
    let lines: Vec<&str> = doc.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    let line = lines.join(" ");
    line.strip_suffix('.').unwrap_or(&line).to_owned()
}

/// The words of a name in `CamelCase`, in lower case: `HTTPServer2` is `http` and `server2`.
fn words(ident: &Ident) -> Vec<String> {
    let name: Vec<char> = ident.unraw().to_string().chars().collect();
    let mut words: Vec<String> = Vec::new();
    for (at, &letter) in name.iter().enumerate() {
        if letter == '_' {
            words.push(String::new());
            continue;
        }
        let after_small = at > 0 && !name[at - 1].is_uppercase() && name[at - 1] != '_';
        let before_small = at > 0 && name.get(at + 1).is_some_and(|next| next.is_lowercase());
        if words.is_empty() || letter.is_uppercase() && (after_small || before_small) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.extend(letter.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// `OutOfStock` as `out-of-stock`.
pub(crate) fn kebab_case(ident: &Ident) -> String {
    words(ident).join("-")
}

/// `OutOfStock` as `out_of_stock`.
pub(crate) fn snake_case(ident: &Ident) -> String {
    words(ident).join("_")
}

/// `OutOfStock` as `out of stock`.
pub(crate) fn humanised(ident: &Ident) -> String {
    words(ident).join(" ")
}

/// Whether a text is lower-case letters and digits in words that single separators join, a letter first.
pub(crate) fn is_lower_case(text: &str, separator: char) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.split(separator).all(|word| {
            !word.is_empty() && word.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit())
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use syn::parse_quote;

    #[test]
    fn names_are_cut_into_words() {
        for (name, kebab) in [
            ("Orders", "orders"),
            ("OutOfStock", "out-of-stock"),
            ("HTTPServer", "http-server"),
            ("Http2Server", "http2-server"),
            ("S3", "s3"),
            ("A", "a"),
            ("IOs", "i-os"),
            ("snake_case", "snake-case"),
            ("Snake_Case", "snake-case"),
        ] {
            let ident = Ident::new(name, proc_macro2::Span::call_site());
            assert_eq!(kebab_case(&ident), kebab, "{name}");
            assert_eq!(snake_case(&ident), kebab.replace('-', "_"), "{name}");
            assert_eq!(humanised(&ident), kebab.replace('-', " "), "{name}");
        }
        assert_eq!(kebab_case(&parse_quote!(r#type)), "type");
    }

    #[test]
    fn lower_case_names_are_told_from_others() {
        for good in ["orders", "out-of-stock", "s3", "a-1"] {
            assert!(is_lower_case(good, '-'), "{good}");
        }
        for bad in ["", "Orders", "-a", "a-", "a--b", "1a", "a_b", "a b", "é"] {
            assert!(!is_lower_case(bad, '-'), "{bad}");
        }
    }

    #[test]
    fn a_doc_comment_is_read_line_by_line() {
        let function: syn::ItemFn = parse_quote! {
            /// Places an order.
            ///
            ///   indented
            #[must_use]
            /// Last.
            fn f() {}
        };
        let doc = doc_comment(&function.attrs);
        assert_eq!(doc, "Places an order.\n\n  indented\nLast.");
        assert_eq!(summary(&doc), "Places an order");
    }
}
