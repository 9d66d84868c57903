//! `#[derive(pikku::Config)]`.
//!
//! What is added is the implementation of `pikku::Service` for the struct, whose constructor reads every field, and notes
//! everything that is wrong before it gives up.

mod expand;
mod model;

use crate::errors::Mistakes;
use proc_macro2::TokenStream;

/// The implementations, or every mistake in the type.
pub(crate) fn expand(item: TokenStream) -> TokenStream {
    let mut mistakes = Mistakes::default();
    let Some(parsed) = mistakes.keep(syn::parse2(item)) else { return mistakes.into_tokens() };
    let config = model::check(&parsed, &mut mistakes);
    let mut tokens = config.as_ref().map(expand::implementation).unwrap_or_default();
    tokens.extend(mistakes.into_tokens());
    tokens
}
