//! What the derive knows of a group, and the rules it keeps.

use crate::{
    errors::Mistakes,
    options::{self, Known},
    text,
};
use syn::{Data, DeriveInput, Generics, Ident, LitStr, parse_quote, spanned::Spanned};

/// The longest name of a group: names of bundles and of what platforms make of them are built on it.
const LONGEST_NAME: usize = 40;

const KNOWN: Known = Known { owner: "a group", names: &["name"] };

/// A group of functions.
pub(super) struct Group {
    pub(super) ident: Ident,
    pub(super) generics: Generics,
    pub(super) name: String,
}

/// Reads a group, noting what is wrong with it.
pub(super) fn check(item: &DeriveInput, mistakes: &mut Mistakes) -> Group {
    let ident = &item.ident;
    let instead = format!("write `pub struct {ident};`");
    match &item.data {
        Data::Struct(_) => {}
        Data::Enum(data) => mistakes.note(data.enum_token, format!("a group is a struct: {instead}")),
        Data::Union(data) => mistakes.note(data.union_token, format!("a group is a struct: {instead}")),
    }
    if !item.generics.params.is_empty() {
        mistakes.note(&item.generics, format!("a group is not generic: {instead}"));
    }
    let mut named: Option<LitStr> = None;
    for (_, given) in KNOWN.read(options::of_pikku(&item.attrs, mistakes), mistakes) {
        named = given.text("name = \"orders\"", mistakes);
    }
    let name = named.as_ref().map_or_else(|| text::kebab_case(ident), LitStr::value);
    let place = named.as_ref().map_or(ident.span(), Spanned::span);
    if !text::is_lower_case(&name, '-') {
        mistakes.add(syn::Error::new(
            place,
            format!(
                "`{name}` cannot be the name of a group: use lower-case letters, digits and single hyphens, a letter first, in `#[pikku(name = \"…\")]`"
            ),
        ));
    } else if name.len() > LONGEST_NAME {
        mistakes.add(syn::Error::new(
            place,
            format!(
                "the name of a group has at most {LONGEST_NAME} letters, and `{name}` has {}: give a shorter one in `#[pikku(name = \"…\")]`",
                name.len()
            ),
        ));
    }
    let mut generics = item.generics.clone();
    if !generics.params.is_empty() {
        // The mistake is reported; that a parameter need not be `'static` is not to be reported too.
        generics.make_where_clause().predicates.push(parse_quote!(Self: 'static));
    }
    Group { ident: ident.clone(), generics, name }
}
