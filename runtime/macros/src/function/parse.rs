//! Tokens into the signature of a function. The body is not read: what is wrong in it is for the compiler to say.

use proc_macro2::TokenStream;
use syn::{
    Attribute, Signature, Visibility,
    parse::{Parse, ParseStream},
};

/// A function without its body.
pub(crate) struct Parsed {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) signature: Signature,
}

impl Parse for Parsed {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let parsed = Self {
            attributes: input.call(Attribute::parse_outer)?,
            visibility: input.parse()?,
            signature: input.parse()?,
        };
        input.parse::<TokenStream>()?;
        Ok(parsed)
    }
}

impl Parsed {
    /// Whether it takes `self`.
    pub(super) fn is_method(&self) -> bool {
        self.signature.receiver().is_some()
    }

    /// The `#[cfg]`s of the function, which what stands beside it needs too.
    pub(crate) fn conditions(&self) -> impl Iterator<Item = &Attribute> {
        self.attributes.iter().filter(|attribute| attribute.path().is_ident("cfg"))
    }
}

/// Parses a function; `expected` says where the attribute stands.
pub(crate) fn parse_signature(item: TokenStream, expected: &str) -> syn::Result<Parsed> {
    syn::parse2(item).map_err(|error| syn::Error::new(error.span(), format!("{expected}: {error}")))
}
