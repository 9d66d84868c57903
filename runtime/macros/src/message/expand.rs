//! The implementation of `pikku::Message`.

use super::model::Message;
use proc_macro2::TokenStream;
use quote::quote;

/// The queue and the name of the service that sends to it, as constants.
pub(super) fn implementation(message: &Message) -> TokenStream {
    let Message { ident, queue, service } = message;
    quote! {
        #[automatically_derived]
        impl ::pikku::Message for #ident {
            const QUEUE: &'static str = #queue;
            const SERVICE: &'static str = #service;
        }
    }
}
