//! The implementation of `pikku::Group`.

use super::model::Group;
use proc_macro2::TokenStream;
use quote::quote;

/// The name as a constant.
pub(super) fn implementation(group: &Group) -> TokenStream {
    let Group { ident, generics, name } = group;
    let (parameters, arguments, clause) = generics.split_for_impl();
    quote! {
        #[automatically_derived]
        impl #parameters ::pikku::Group for #ident #arguments #clause {
            const NAME: &'static str = #name;
        }
    }
}
