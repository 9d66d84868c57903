//! The implementation of `pikku::Message`.

use super::model::Message;
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

/// The queue and the name of the service that sends to it, as constants, and what signs who calls.
pub(super) fn implementation(message: &Message) -> TokenStream {
    let Message { ident, queue, service, signed_by } = message;
    let signer = match signed_by {
        // Spanned on the service, so that what is wrong with it is shown there.
        Some(service) => quote_spanned!(service.span()=> #service),
        None => quote!(::pikku::service::Unsigned),
    };
    quote! {
        #[automatically_derived]
        impl ::pikku::Message for #ident {
            const QUEUE: &'static str = #queue;
            const SERVICE: &'static str = #service;
            type Signer = #signer;
        }
    }
}
