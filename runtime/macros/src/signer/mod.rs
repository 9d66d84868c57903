//! `#[derive(pikku::CallerSigner)]`.

mod expand;
mod model;

use crate::errors::Mistakes;
use proc_macro2::TokenStream;

/// The implementation of `pikku::service::CallerSigner`, or every mistake in the type.
pub(crate) fn expand(item: TokenStream) -> TokenStream {
    let mut mistakes = Mistakes::default();
    let Some(parsed) = mistakes.keep(syn::parse2(item)) else { return mistakes.into_tokens() };
    let signer = model::check(&parsed, &mut mistakes);
    let mut tokens = signer.as_ref().map(expand::implementation).unwrap_or_default();
    tokens.extend(mistakes.into_tokens());
    tokens
}
