//! The implementations of `pikku::Authenticator`, `pikku::Permission` and `pikku::Middleware`.

use super::model::{Kind, Layer, Parameter};
use crate::text::local;
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Type, spanned::Spanned};

/// The type that the app names, with its implementation.
pub(super) fn implementation(layer: &Layer) -> TokenStream {
    let Layer { ident, conditions, .. } = layer;
    let marker = marker(layer);
    let (name, body) = match layer.kind {
        Kind::Authenticator => (quote!(::pikku::Authenticator), authenticator(layer)),
        Kind::Permission => (quote!(::pikku::Permission), permission(layer)),
        Kind::Middleware => (quote!(::pikku::Middleware), middleware(layer)),
    };
    quote! {
        #marker
        #(#conditions)*
        #[automatically_derived]
        #[allow(deprecated)]
        impl #name for #ident {
            #body
        }
    }
}

/// What every kind has: its name, and the services it asks for.
fn common(layer: &Layer) -> TokenStream {
    let name = &layer.name;
    let services: Vec<&Type> = layer.services().collect();
    let plan = if services.is_empty() { quote!(_) } else { quote!(plan) };
    quote! {
        const NAME: &'static str = #name;

        fn plan(#plan: &mut ::pikku::service::Plan) {
            #(<#services as ::pikku::Service>::plan(plan);)*
        }
    }
}

fn meta(layer: &Layer) -> TokenStream {
    let description = &layer.description;
    let services = layer.services();
    let line = quote_spanned!(layer.ident.span()=> ::core::line!());
    quote! {
        ::pikku::function::Meta {
            description: #description,
            module: ::core::module_path!(),
            file: ::core::file!(),
            line: #line,
            services: &[#(<#services as ::pikku::Service>::NAME),*],
        }
    }
}

fn session(layer: &Layer) -> TokenStream {
    let sessions =
        layer.sessions().map(|ty| quote_spanned!(ty.span()=> <#ty as ::pikku::function::FromCall<'_>>::SESSION));
    quote! {
        const SESSION: ::pikku::__private::SessionMode = ::pikku::__private::SessionMode::None #(.and(#sessions))*;
    }
}

/// The statements that get what the parameters want, and the arguments. Hygiene keeps the names from the user's.
fn parameters(layer: &Layer) -> (Vec<TokenStream>, Vec<TokenStream>) {
    let (scope, next, input) = (local("scope"), local("next"), local("input"));
    let one = |(index, parameter): (usize, &Parameter)| {
        let value = local(&format!("p{index}"));
        match parameter {
            Parameter::Service(ty) => {
                let get = quote_spanned!(ty.span()=> <#ty as ::pikku::Service>::get(#scope).await?);
                (quote!(let #value = #get;), quote!(&#value))
            }
            Parameter::Call(ty) => (quote!(let #value: &#ty = #scope.call();), quote!(#value)),
            Parameter::Session(ty) => {
                let get =
                    quote_spanned!(ty.span()=> <#ty as ::pikku::function::FromCall<'_>>::from_call(#scope.call())?);
                (quote!(let #value = #get;), quote!(#value))
            }
            Parameter::Next => (TokenStream::new(), quote!(#next)),
            Parameter::Input(ty) => {
                let get = quote_spanned!(ty.span()=> ::pikku::access::input::<#ty>(#input)?);
                (quote!(let #value = #get;), quote!(#value))
            }
        }
    };
    layer.parameters.iter().enumerate().map(one).unzip()
}

fn authenticator(layer: &Layer) -> TokenStream {
    let ident = &layer.ident;
    let (common, meta, scope) = (common(layer), meta(layer), local("scope"));
    let (gets, arguments) = parameters(layer);
    let challenge =
        layer.options.challenge.as_ref().map(|challenge| quote!(const CHALLENGE: &'static str = #challenge;));
    let keep = layer.options.keep.as_ref().map(|keep| {
        let (gets, arguments) = parameters(layer);
        let change = local("change");
        let kept = quote_spanned!(keep.span()=> #keep(#(#arguments,)* #change).await);
        quote! {
            const KEEPS: bool = true;

            fn settle<'a>(
                #scope: &'a ::pikku::service::Scope<'a>,
                #change: &'a ::pikku::SessionChange,
            ) -> ::pikku::BoxFuture<'a, ::core::result::Result<(), ::pikku::Problem>> {
                ::pikku::edge(async move {
                    #(#gets)*
                    #kept
                })
            }
        }
    });
    let called = quote_spanned!(ident.span()=> #ident(#(#arguments),*).await);
    let future = quote_spanned! {ident.span()=>
        ::pikku::edge(async move {
            #(#gets)*
            #called
        })
    };
    quote! {
        #common
        const META: ::pikku::function::Meta = #meta;
        #challenge

        fn authenticate<'a>(
            #scope: &'a ::pikku::service::Scope<'a>,
        ) -> ::pikku::BoxFuture<'a, ::core::result::Result<::core::option::Option<::pikku::Claims>, ::pikku::AuthError>>
        {
            #future
        }
        #keep
    }
}

fn permission(layer: &Layer) -> TokenStream {
    let ident = &layer.ident;
    let (common, meta, session) = (common(layer), meta(layer), session(layer));
    let (scope, input) = (local("scope"), local("input"));
    let (gets, arguments) = parameters(layer);
    let taken = if layer.takes_input() { quote!(#input) } else { quote!(_) };
    let timeout =
        layer.options.timeout_ms.as_ref().map_or_else(|| quote!(::pikku::access::TIMEOUT_MS), |ms| quote!(#ms));
    let place = layer.returns.as_ref().map_or(ident.span(), Spanned::span);
    let called = quote_spanned!(ident.span()=> #ident(#(#arguments),*).await);
    let verdict = quote_spanned!(place=> ::pikku::access::Verdict::verdict(#called));
    let future = quote_spanned! {ident.span()=>
        ::pikku::edge(async move {
            #(#gets)*
            #verdict
        })
    };
    quote! {
        #common
        const META: ::core::option::Option<::pikku::function::Meta> = ::core::option::Option::Some(#meta);
        #session

        fn describe(rule: &mut ::std::string::String) {
            rule.push_str(Self::NAME);
        }

        fn decide<'a>(
            #scope: &'a ::pikku::service::Scope<'a>,
            #taken: &'a ::pikku::access::InputValue,
        ) -> ::pikku::BoxFuture<'a, ::pikku::access::Decision> {
            let verdict = #future;
            ::std::boxed::Box::pin(::pikku::access::decide(#scope, Self::NAME, #timeout, verdict))
        }
    }
}

fn middleware(layer: &Layer) -> TokenStream {
    let ident = &layer.ident;
    let (common, meta, session) = (common(layer), meta(layer), session(layer));
    let (scope, next) = (local("scope"), local("next"));
    let (gets, arguments) = parameters(layer);
    let scope = if gets.iter().all(TokenStream::is_empty) { quote!(_) } else { quote!(#scope) };
    let called = quote_spanned!(ident.span()=> #ident(#(#arguments),*).await);
    let future = quote_spanned! {ident.span()=>
        ::pikku::edge(async move {
            #(#gets)*
            #called
        })
    };
    quote! {
        #common
        const META: ::pikku::function::Meta = #meta;
        #session

        fn handle<'a>(
            #scope: &'a ::pikku::service::Scope<'a>,
            #next: ::pikku::Next<'a>,
        ) -> ::pikku::BoxFuture<'a, ::pikku::Outcome> {
            #future
        }
    }
}

/// The type that the app names, in the type namespace alone.
fn marker(layer: &Layer) -> TokenStream {
    let Layer { ident, name, visibility, conditions, .. } = layer;
    let noun = match layer.kind {
        Kind::Authenticator => "authenticator",
        Kind::Permission => "permission",
        Kind::Middleware => "middleware",
    };
    let doc = format!("The {noun} [`{name}`](fn@{ident}), as the app names it.");
    quote! {
        #(#conditions)*
        #[doc = #doc]
        #[allow(non_camel_case_types, dead_code, missing_debug_implementations)]
        #visibility struct #ident {}
    }
}

/// What stands in for the implementation of one with mistakes, so that the app does not report it again.
pub(super) fn stand_in(layer: &Layer) -> TokenStream {
    let Layer { ident, name, conditions, kind, .. } = layer;
    let marker = marker(layer);
    let plan = quote! {
        const NAME: &'static str = #name;
        fn plan(_: &mut ::pikku::service::Plan) {}
    };
    let meta = quote!(::pikku::function::Meta { description: "", module: "", file: "", line: 0, services: &[] });
    let session = quote! {
        const SESSION: ::pikku::__private::SessionMode = ::pikku::__private::SessionMode::None;
    };
    let implementation = match kind {
        Kind::Authenticator => quote! {
            impl ::pikku::Authenticator for #ident {
                #plan
                const META: ::pikku::function::Meta = #meta;
                fn authenticate<'a>(
                    _: &'a ::pikku::service::Scope<'a>,
                ) -> ::pikku::BoxFuture<
                    'a,
                    ::core::result::Result<::core::option::Option<::pikku::Claims>, ::pikku::AuthError>,
                > {
                    ::std::boxed::Box::pin(::core::future::ready(::core::result::Result::Err(
                        ::pikku::AuthError::rejected("it has mistakes"),
                    )))
                }
            }
        },
        Kind::Permission => quote! {
            impl ::pikku::Permission for #ident {
                #plan
                #session
                fn describe(_: &mut ::std::string::String) {}
                fn decide<'a>(
                    _: &'a ::pikku::service::Scope<'a>,
                    _: &'a ::pikku::access::InputValue,
                ) -> ::pikku::BoxFuture<'a, ::pikku::access::Decision> {
                    ::std::boxed::Box::pin(::core::future::ready(::pikku::access::Decision::Failed))
                }
            }
        },
        Kind::Middleware => quote! {
            impl ::pikku::Middleware for #ident {
                #plan
                const META: ::pikku::function::Meta = #meta;
                #session
                fn handle<'a>(
                    _: &'a ::pikku::service::Scope<'a>,
                    next: ::pikku::Next<'a>,
                ) -> ::pikku::BoxFuture<'a, ::pikku::Outcome> {
                    next.run()
                }
            }
        },
    };
    quote! {
        #marker
        #(#conditions)*
        #[automatically_derived]
        #implementation
    }
}
