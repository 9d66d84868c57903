//! The implementations of `pikku::Service` and of how a configuration is read.

use super::model::{Config, Presence, Setting, Source};
use crate::{service::get_singleton, text::local};
use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};
use syn::{ext::IdentExt, spanned::Spanned};

/// `Service` and `Construct` for the struct.
pub(super) fn implementation(config: &Config) -> TokenStream {
    let Config { ident, settings } = config;
    let name = ident.unraw().to_string();
    let needs = settings.iter().map(need);
    let fields: Vec<&Ident> = settings.iter().map(|setting| &setting.ident).collect();
    let (reader, get) = (local("reader"), get_singleton());
    let values: Vec<Ident> = (0..settings.len()).map(|index| local(&format!("v{index}"))).collect();
    let reads = settings.iter().zip(&values).map(|(setting, value)| {
        let read = read(setting, &reader);
        quote!(let #value = #read;)
    });
    quote! {
        #[automatically_derived]
        impl ::pikku::Service for #ident {
            type Lifetime = ::pikku::service::Singleton;
            const NAME: &'static str = #name;
            const NEEDS: &'static [::pikku::Need] = &[#(#needs),*];
            const DEPTH_OF_THE_SERVICES_BELOW: usize = 0;

            fn plan(plan: &mut ::pikku::service::Plan) {
                plan.singleton::<Self>(|_| {});
            }

            #get
        }

        #[automatically_derived]
        impl ::pikku::service::Construct for #ident {
            fn construct(
                container: &::pikku::service::Container,
            ) -> ::pikku::BoxFuture<'_, ::core::result::Result<Self, ::pikku::BoxError>> {
                ::pikku::edge(async move {
                    let mut #reader = ::pikku::config::Reader::new(&**container.platform());
                    #(#reads)*
                    match (#(#values,)*) {
                        (#(::core::option::Option::Some(#values),)*) => {
                            ::core::result::Result::Ok(Self { #(#fields: #values),* })
                        }
                        #[allow(unreachable_patterns)]
                        _ => ::core::result::Result::Err(#reader.into_error()),
                    }
                })
            }
        }
    }
}

fn need(setting: &Setting) -> TokenStream {
    match &setting.source {
        Source::Variable(name) if matches!(setting.presence, Presence::Required) => {
            quote!(::pikku::Need::Variable(#name))
        }
        Source::Variable(name) => quote!(::pikku::Need::OptionalVariable(#name)),
        Source::Secret(name) => quote!(::pikku::Need::ReadSecret(#name)),
    }
}

/// The value as an option; `None` where something is wrong, which the reader has noted.
fn read(setting: &Setting, reader: &Ident) -> TokenStream {
    let Setting { ty, source, is_secret, presence, .. } = setting;
    // What is wrong with the type is shown on it.
    let text = match source {
        Source::Variable(name) => quote!(#reader.variable(#name)),
        Source::Secret(name) => quote!(#reader.secret(#name).await),
    };
    let read = match presence {
        Presence::Required => quote_spanned!(ty.span()=> #text.required::<#ty>()),
        Presence::Optional => quote_spanned!(ty.span()=> #text.optional::<#ty>()),
        Presence::DefaultText(text_of) => quote_spanned!(ty.span()=> #text.or_text::<#ty>(#text_of)),
        Presence::Default(value) => quote_spanned!(ty.span()=> #text.or::<#ty>(#value)),
    };
    match (is_secret, presence) {
        (false, _) => read,
        (true, Presence::Optional) => {
            quote!(#read.map(|value| value.map(::pikku::Secret::new)))
        }
        (true, _) => quote!(#read.map(::pikku::Secret::new)),
    }
}
