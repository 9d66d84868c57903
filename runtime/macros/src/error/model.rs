//! What the derive knows of an error type, and the rules it keeps.

use super::detail::{self, Detail};
use crate::{
    errors::Mistakes,
    options::{self, Given, Known},
    text,
};
use proc_macro2::Span;
use syn::{
    Attribute, Data, DeriveInput, Expr, ExprLit, Fields, Generics, Ident, Lit, LitStr, Member, Type, parse_quote,
    spanned::Spanned,
};

const KNOWN: Known = Known { owner: "an error", names: &["status", "code", "detail", "retry", "transparent"] };

/// The error of a function.
pub(super) struct ErrorType {
    pub(super) ident: Ident,
    pub(super) generics: Generics,
    pub(super) variants: Vec<Variant>,
}

/// A variant, or the whole struct.
pub(super) struct Variant {
    /// Its name; `None` for a struct.
    pub(super) name: Option<Ident>,
    pub(super) kind: Kind,
}

/// What a variant stands for.
pub(super) enum Kind {
    /// One way of failing.
    Case(Case),
    /// Every way of failing of the error in its one field.
    Transparent(Member, Type),
}

/// One way of failing.
pub(super) struct Case {
    pub(super) status: u16,
    pub(super) code: String,
    pub(super) title: String,
    pub(super) detail: Option<Detail>,
    pub(super) retry: bool,
}

/// Reads an error type, noting what is wrong with it.
pub(super) fn check(item: &DeriveInput, mistakes: &mut Mistakes) -> ErrorType {
    let ident = &item.ident;
    let mut generics = item.generics.clone();
    if !generics.params.is_empty() {
        mistakes.note(
            &item.generics,
            "the error of a function is not generic, for its cases are part of a contract: write the types out",
        );
        // That is reported; that a parameter need not be `Send` is not to be reported too.
        generics.make_where_clause().predicates.push(parse_quote!(Self: Send + 'static));
    }
    let variants = match &item.data {
        Data::Enum(data) => {
            if let Some(attribute) = item.attrs.iter().find(|attribute| attribute.path().is_ident("pikku")) {
                mistakes.note(attribute, "each variant is a case of its own: put `#[pikku(…)]` on the variants");
            }
            let mut seen: Vec<(String, Ident)> = Vec::new();
            let variants = data.variants.iter();
            variants
                .filter_map(|variant| {
                    let name = &variant.ident;
                    let read =
                        Source { ident: name, attributes: &variant.attrs, fields: &variant.fields, seen: &mut seen };
                    read.kind(mistakes).map(|kind| Variant { name: Some(name.clone()), kind })
                })
                .collect()
        }
        Data::Struct(data) => {
            let read = Source { ident, attributes: &item.attrs, fields: &data.fields, seen: &mut Vec::new() };
            read.kind(mistakes).map(|kind| Variant { name: None, kind }).into_iter().collect()
        }
        Data::Union(data) => {
            mistakes.note(data.union_token, format!("an error is an enum: write `pub enum {ident}`"));
            Vec::new()
        }
    };
    ErrorType { ident: ident.clone(), generics, variants }
}

/// Where a case is written.
struct Source<'a> {
    ident: &'a Ident,
    attributes: &'a [Attribute],
    fields: &'a Fields,
    /// The codes of the variants above, each with its variant.
    seen: &'a mut Vec<(String, Ident)>,
}

impl Source<'_> {
    fn kind(self, mistakes: &mut Mistakes) -> Option<Kind> {
        for attribute in self.fields.iter().flat_map(|field| &field.attrs) {
            if attribute.path().is_ident("pikku") {
                mistakes.note(attribute, format!("a field has no options: put them above `{}`", self.ident));
            }
        }
        let mut options = KNOWN.read(options::of_pikku(self.attributes, mistakes), mistakes);
        let Some(at) = options.iter().position(|(name, _)| *name == "transparent") else {
            return self.case(options, mistakes).map(Kind::Case);
        };
        let (_, transparent) = options.remove(at);
        for (name, given) in &options {
            mistakes.note(
                &given.name,
                format!("the error inside a transparent one has its own `{name}`: drop `{name}` or `transparent`"),
            );
        }
        if transparent.value.is_some() {
            return transparent.wrong("`transparent` has no value: write it alone, or not at all", mistakes);
        }
        let member = self.fields.members().next();
        match (member, self.fields.iter().next(), self.fields.len()) {
            (Some(member), Some(field), 1) => Some(Kind::Transparent(member, field.ty.clone())),
            _ => {
                let name = self.ident;
                mistakes.note(
                    transparent.name,
                    format!("a transparent error wraps another: write `{name}(OtherError)`, one field whose type derives `pikku::Error`"),
                );
                None
            }
        }
    }

    fn case(self, options: Vec<(&'static str, Given)>, mistakes: &mut Mistakes) -> Option<Case> {
        let (mut status, mut code, mut detail, mut retry) = (None, None, None, None);
        let has_status = options.iter().any(|(name, _)| *name == "status");
        for (name, given) in options {
            match name {
                "status" => status = read_status(given, mistakes),
                "code" => code = given.text("code = \"out_of_stock\"", mistakes),
                "detail" => detail = given.text("detail = \"only {left} left\"", mistakes),
                _ => retry = given.flag(mistakes),
            }
        }
        if !has_status {
            mistakes.note(
                self.ident,
                format!(
                    "`{}` has no status: write `#[pikku(status = 404)]` above it, or another of 400 to 599",
                    self.ident
                ),
            );
        }
        let doc = text::summary(&text::doc_comment(self.attributes));
        let title = if doc.is_empty() { text::humanised(self.ident) } else { doc };
        let detail = detail.map(|literal| detail::read(&literal, self.fields, mistakes));
        let code = self.code(code.as_ref(), mistakes);
        let status = status?;
        let retry = retry.unwrap_or(status >= 500 || matches!(status, 408 | 425 | 429));
        Some(Case { status, code, title, detail, retry })
    }

    fn code(self, given: Option<&LitStr>, mistakes: &mut Mistakes) -> String {
        let code = given.map_or_else(|| text::snake_case(self.ident), LitStr::value);
        let place: Span = given.map_or_else(|| self.ident.span(), Spanned::span);
        if !text::is_lower_case(&code, '_') {
            mistakes.add(syn::Error::new(
                place,
                format!("`{code}` cannot be a code: use lower-case letters, digits and single underscores, a letter first, in `code = \"…\"`"),
            ));
        } else if let Some((_, other)) = self.seen.iter().find(|(known, _)| *known == code) {
            mistakes.add(syn::Error::new(
                place,
                format!("`{code}` is also the code of `{other}`, and clients tell errors apart by it: give another in `code = \"…\"`"),
            ));
        } else {
            self.seen.push((code.clone(), self.ident.clone()));
        }
        code
    }
}

fn read_status(given: Given, mistakes: &mut Mistakes) -> Option<u16> {
    let Some(Expr::Lit(ExprLit { lit: Lit::Int(number), .. })) = &given.value else {
        return given.wrong("the status is a number: write `status = 404`", mistakes);
    };
    let status = number.base10_parse().ok().filter(|status| (400..=599).contains(status));
    if status.is_none() {
        mistakes.note(
            number,
            format!("{number} is not the status of an error: it is 400 to 499 where the caller can mend it, 500 to 599 where not"),
        );
    }
    status
}
