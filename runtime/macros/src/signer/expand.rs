//! The implementation of `pikku::service::CallerSigner`.

use super::model::Signer;
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

/// What the field signs.
pub(super) fn implementation(signer: &Signer) -> TokenStream {
    let Signer { ident, field, of } = signer;
    // Spanned on the field's type, so that one that signs nothing is shown there.
    let signed = quote_spanned!(of.span()=> self.#field.sign(caller, message, now_ms));
    let call_signed = quote_spanned!(of.span()=> self.#field.sign_call(caller, call, now_ms));
    quote! {
        #[automatically_derived]
        impl ::pikku::service::CallerSigner for #ident {
            fn sign(
                &self,
                caller: &::pikku::Claims,
                message: &::pikku::platform::OutgoingMessage<'_>,
                now_ms: u64,
            ) -> ::core::result::Result<::std::string::String, ::pikku::BoxError> {
                #signed
            }

            fn sign_call(
                &self,
                caller: &::pikku::Claims,
                call: &::pikku::platform::OutgoingCall<'_>,
                now_ms: u64,
            ) -> ::core::result::Result<::std::string::String, ::pikku::BoxError> {
                #call_signed
            }
        }
    }
}
