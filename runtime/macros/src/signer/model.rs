//! What the derive knows of a signer, and the rules it keeps.

use crate::errors::Mistakes;
use syn::{Data, DeriveInput, Fields, Ident, Member, Type};

/// A type around what signs.
pub(super) struct Signer {
    pub(super) ident: Ident,
    /// The field that signs.
    pub(super) field: Member,
    pub(super) of: Type,
}

/// Reads a signer, noting what is wrong with it; `None` where an implementation would only be a further mistake.
pub(super) fn check(item: &DeriveInput, mistakes: &mut Mistakes) -> Option<Signer> {
    let ident = &item.ident;
    let instead = format!("write `pub struct {ident}(Callers);`");
    let fields = match &item.data {
        Data::Struct(data) => &data.fields,
        Data::Enum(data) => {
            mistakes.note(data.enum_token, format!("a signer is a struct around what signs: {instead}"));
            return None;
        }
        Data::Union(data) => {
            mistakes.note(data.union_token, format!("a signer is a struct around what signs: {instead}"));
            return None;
        }
    };
    if !item.generics.params.is_empty() {
        mistakes.note(&item.generics, format!("a signer is a service, which is not generic: {instead}"));
        return None;
    }
    let one = match fields {
        Fields::Unit => None,
        _ => fields.members().zip(fields).next().filter(|_| fields.len() == 1),
    };
    let Some((field, of)) = one else {
        mistakes.note(ident, format!("a signer has one field, which signs: {instead}, or implement the trait by hand"));
        return None;
    };
    Some(Signer { ident: ident.clone(), field, of: of.ty.clone() })
}
