//! `#[pikku::service]`.
//!
//! The constructor is left as it is. What is added is the implementation of `pikku::Service` for the type it makes,
//! with the services that it names as the edges of the graph, and a constant that makes the compiler walk that graph
//! where the constructor is written.

mod expand;
mod model;
mod options;

use crate::{errors::Mistakes, function::parse_signature};
pub(crate) use expand::get_singleton;
use proc_macro2::TokenStream;
use quote::quote;

/// The constructor with the implementation, or with every mistake in it.
pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let mut mistakes = Mistakes::default();
    let options = options::parse(arguments, &mut mistakes);
    let Some(parsed) = mistakes.keep(parse_signature(
        item.clone(),
        "`#[pikku::service]` stands above a constructor, `async fn name(…) -> Result<Service, Error>`",
    )) else {
        let errors = mistakes.into_tokens();
        return quote!(#item #errors);
    };
    let constructor = model::check(&parsed, options, &mut mistakes);
    let implementation = constructor.map(|constructor| {
        if mistakes.is_empty() { expand::implementation(&constructor) } else { expand::stand_in(&constructor) }
    });
    let errors = mistakes.into_tokens();
    quote!(#item #implementation #errors)
}
