//! The implementations of `pikku::Service` and of how it is built.

use super::model::{Constructor, Lifetime, Parameter};
use crate::text::local;
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Type, spanned::Spanned};

/// `Service` for the type, and `Construct` or `ConstructPerCall`.
pub(super) fn implementation(constructor: &Constructor) -> TokenStream {
    let Constructor { conditions, service, needs, .. } = constructor;
    let name = constructor.name();
    let below: Vec<&Type> = constructor.services().collect();
    let plan = local("plan");
    let plan_below = if below.is_empty() {
        quote!(|_| {})
    } else {
        quote!(|#plan| { #(<#below as ::pikku::Service>::plan(#plan);)* })
    };
    let (lifetime, closes, plan_self, get, construct) = match &constructor.lifetime {
        Lifetime::Singleton { close } => (
            quote!(Singleton),
            close.is_some(),
            quote!(singleton),
            get_singleton(),
            construct(constructor, close.as_ref()),
        ),
        Lifetime::PerCall => {
            (quote!(PerCall), false, quote!(per_call), get(&quote!(scope.per_call())), construct_per_call(constructor))
        }
    };
    // Spanned on the type, so that a cycle is shown on the services it goes through.
    let depth = quote_spanned! {service.span()=>
        const DEPTH_OF_THE_SERVICES_BELOW: usize = ::pikku::service::depth_above([
            #(<#below as ::pikku::Service>::DEPTH_OF_THE_SERVICES_BELOW),*
        ]);
    };
    let walk = quote_spanned! {service.span()=>
        const _: usize = <#service as ::pikku::Service>::DEPTH_OF_THE_SERVICES_BELOW;
    };
    quote! {
        #(#conditions)*
        #[automatically_derived]
        impl ::pikku::Service for #service {
            type Lifetime = ::pikku::service::#lifetime;
            const NAME: &'static str = #name;
            const NEEDS: &'static [::pikku::Need] = &[#(#needs),*];
            const CLOSES: bool = #closes;
            const DEPENDS_ON: &'static [&'static str] = &[#(<#below as ::pikku::Service>::NAME),*];
            #depth

            fn plan(#plan: &mut ::pikku::service::Plan) {
                #plan.#plan_self::<Self>(#plan_below);
            }

            #get
        }

        #(#conditions)*
        #[automatically_derived]
        #construct

        #(#conditions)*
        #walk
    }
}

/// How a scope gives a service that there is one of.
pub(crate) fn get_singleton() -> TokenStream {
    get(&quote!(::core::future::ready(::core::result::Result::Ok(scope.singleton()))))
}

/// `Service::get`, of what gives the service.
fn get(future: &TokenStream) -> TokenStream {
    quote! {
        fn get<'s>(
            scope: &'s ::pikku::service::Scope<'_>,
        ) -> impl ::core::future::Future<
            Output = ::core::result::Result<::pikku::service::Handle<'s, Self>, ::pikku::Problem>,
        > + ::core::marker::Send {
            #future
        }
    }
}

/// `Construct`: from the services in the container.
fn construct(constructor: &Constructor, close: Option<&syn::Path>) -> TokenStream {
    let service = &constructor.service;
    let container = local("container");
    let (gets, arguments) = parameters(constructor, |ty| quote_spanned!(ty.span()=> #container.get::<#ty>()));
    let container = if gets.is_empty() { quote!(_) } else { quote!(#container) };
    let future = future(constructor, &gets, &arguments);
    let close = close.map(|close| {
        let closing = quote_spanned!(close.span()=> #close(self).await);
        quote! {
            fn close(&self) -> ::pikku::BoxFuture<'_, ()> {
                ::pikku::edge(async move { #closing })
            }
        }
    });
    quote! {
        impl ::pikku::service::Construct for #service {
            fn construct(
                #container: &::pikku::service::Container,
            ) -> ::pikku::BoxFuture<'_, ::core::result::Result<Self, ::pikku::BoxError>> {
                #future
            }
            #close
        }
    }
}

/// `ConstructPerCall`: from the call and its services.
fn construct_per_call(constructor: &Constructor) -> TokenStream {
    let service = &constructor.service;
    let scope = local("scope");
    let (gets, arguments) =
        parameters(constructor, |ty| quote_spanned!(ty.span()=> <#ty as ::pikku::Service>::get(#scope).await?));
    let scope = if gets.is_empty() { quote!(_) } else { quote!(#scope) };
    let future = future(constructor, &gets, &arguments);
    quote! {
        impl ::pikku::service::ConstructPerCall for #service {
            fn construct<'s>(
                #scope: &'s ::pikku::service::Scope<'_>,
            ) -> ::pikku::BoxFuture<'s, ::core::result::Result<Self, ::pikku::BoxError>> {
                #future
            }
        }
    }
}

/// The statements that get the services, and the arguments of the constructor.
fn parameters(constructor: &Constructor, get: impl Fn(&Type) -> TokenStream) -> (Vec<TokenStream>, Vec<TokenStream>) {
    let scope = local("scope");
    let one = |(index, parameter): (usize, &Parameter)| {
        let value = local(&format!("d{index}"));
        match parameter {
            Parameter::Service(ty) => {
                let get = get(ty);
                // A container lends the service itself, a scope a handle of it.
                let lend = matches!(constructor.lifetime, Lifetime::PerCall).then(|| quote!(&));
                (quote!(let #value = #get;), quote!(#lend #value))
            }
            Parameter::Call(ty) => (quote!(let #value: &#ty = #scope.call();), quote!(#value)),
        }
    };
    constructor.parameters.iter().enumerate().map(one).unzip()
}

/// The boxed future that gets the services and calls the constructor.
fn future(constructor: &Constructor, gets: &[TokenStream], arguments: &[TokenStream]) -> TokenStream {
    let Constructor { ident, is_async, is_fallible, returns, .. } = constructor;
    let wait = is_async.then(|| quote!(.await));
    let attempt = is_fallible.then(|| quote_spanned!(returns.span()=> ?));
    let service = local("service");
    let made = quote_spanned!(returns.span()=> let #service = #ident(#(#arguments),*)#wait #attempt;);
    // Where the future cannot move between threads, the compiler points at the constructor's name.
    quote_spanned! {ident.span()=>
        ::pikku::edge(async move {
            #(#gets)*
            #made
            ::core::result::Result::Ok(#service)
        })
    }
}

/// What stands in for the implementation of a service with mistakes, so that those who ask for it do not report it.
pub(super) fn stand_in(constructor: &Constructor) -> TokenStream {
    let Constructor { conditions, service, .. } = constructor;
    let (name, get) = (constructor.name(), get_singleton());
    quote! {
        #(#conditions)*
        #[automatically_derived]
        impl ::pikku::Service for #service {
            type Lifetime = ::pikku::service::Singleton;
            const NAME: &'static str = #name;
            const DEPTH_OF_THE_SERVICES_BELOW: usize = 0;

            fn plan(_: &mut ::pikku::service::Plan) {}

            #get
        }

        #(#conditions)*
        #[automatically_derived]
        impl ::pikku::service::Construct for #service {
            fn construct(
                _: &::pikku::service::Container,
            ) -> ::pikku::BoxFuture<'_, ::core::result::Result<Self, ::pikku::BoxError>> {
                ::pikku::edge(::core::future::ready(::core::result::Result::Err("not built: it has mistakes".into())))
            }
        }
    }
}
