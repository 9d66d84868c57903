//! `#[pikku::function]`.
//!
//! The function is left as it is. Beside it comes a brace struct of its name, which lives in the type namespace alone
//! and carries the function's implementation of `pikku::Function`.

mod expand;
mod model;
mod options;
mod parse;

use crate::errors::Mistakes;
pub(crate) use model::not_a_service;
pub(crate) use parse::{Parsed, parse_signature};
use proc_macro2::TokenStream;
use quote::quote;

/// The function with its implementation, or with every mistake in it.
pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let mut mistakes = Mistakes::default();
    let options = options::parse(arguments, &mut mistakes);
    let Some(parsed) = mistakes
        .keep(parse_signature(item.clone(), "`#[pikku::function]` stands above an `async fn name(…) -> Result<T, E>`"))
    else {
        let errors = mistakes.into_tokens();
        return quote!(#item #errors);
    };
    let model = model::check(&parsed, options, &mut mistakes);
    let implementation = if mistakes.is_empty() {
        expand::implementation(&model)
    } else if parsed.is_method() {
        // In an `impl` no type can stand beside it.
        TokenStream::new()
    } else {
        expand::stand_in(&model)
    };
    let errors = mistakes.into_tokens();
    quote!(#item #implementation #errors)
}
