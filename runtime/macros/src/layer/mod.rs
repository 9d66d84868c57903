//! `#[pikku::authenticator]`, `#[pikku::permission]` and `#[pikku::middleware]`.
//!
//! The function is left as it is. Beside it comes a brace struct of its name, as with `#[pikku::function]`, which
//! implements the trait of its kind.

mod expand;
mod model;
mod options;

use crate::{errors::Mistakes, function::parse_signature};
pub(crate) use model::Kind;
use proc_macro2::TokenStream;
use quote::quote;

/// The function with its implementation, or with every mistake in it.
pub(crate) fn expand(kind: Kind, arguments: TokenStream, item: TokenStream) -> TokenStream {
    let mut mistakes = Mistakes::default();
    let options = options::parse(kind, arguments, &mut mistakes);
    let Some(parsed) = mistakes.keep(parse_signature(item.clone(), kind.expected())) else {
        let errors = mistakes.into_tokens();
        return quote!(#item #errors);
    };
    let layer = model::check(kind, &parsed, options, &mut mistakes);
    let implementation = if mistakes.is_empty() { expand::implementation(&layer) } else { expand::stand_in(&layer) };
    let errors = mistakes.into_tokens();
    quote!(#item #implementation #errors)
}
