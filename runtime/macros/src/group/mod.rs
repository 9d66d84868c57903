//! `#[derive(pikku::Group)]`.

mod expand;
mod model;

use crate::errors::Mistakes;
use proc_macro2::TokenStream;

/// The implementation of `pikku::Group`, or every mistake in the type.
pub(crate) fn expand(item: TokenStream) -> TokenStream {
    let mut mistakes = Mistakes::default();
    let Some(parsed) = mistakes.keep(syn::parse2(item)) else { return mistakes.into_tokens() };
    let group = model::check(&parsed, &mut mistakes);
    let mut tokens = expand::implementation(&group);
    tokens.extend(mistakes.into_tokens());
    tokens
}
