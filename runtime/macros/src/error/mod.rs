//! `#[derive(pikku::Error)]`.

mod detail;
mod expand;
mod model;

use crate::errors::Mistakes;
use proc_macro2::TokenStream;

/// The implementation of `pikku::Error`, or every mistake in the type.
pub(crate) fn expand(item: TokenStream) -> TokenStream {
    let mut mistakes = Mistakes::default();
    let Some(parsed) = mistakes.keep(syn::parse2(item)) else { return mistakes.into_tokens() };
    let error = model::check(&parsed, &mut mistakes);
    let mut tokens = if mistakes.is_empty() { expand::implementation(&error) } else { expand::stand_in(&error) };
    tokens.extend(mistakes.into_tokens());
    tokens
}
