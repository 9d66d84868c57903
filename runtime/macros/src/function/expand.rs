//! The implementation of `pikku::Function`.

use super::{
    model::{Function, Parameter},
    options::Options,
};
use crate::{text::local, types};
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Expr, Ident, Type, spanned::Spanned};

/// The type that wirings name, with its implementation.
pub(super) fn implementation(function: &Function) -> TokenStream {
    let Function { ident, name, conditions, description, .. } = function;
    let marker = marker(function);
    let Some(returns) = &function.returns else { return marker };

    let services: Vec<&Type> = function.services().collect();
    let sessions =
        function.sessions().map(|ty| quote_spanned!(ty.span()=> <#ty as ::pikku::function::FromCall<'_>>::SESSION));
    let input = function.input().map_or_else(|| quote!(()), |ty| quote!(#ty));
    // Written out where they can be, so that what is wrong with one is reported on it, and once.
    let (output, error) = match types::result(returns) {
        Some((output, error)) => (quote!(#output), quote!(#error)),
        None => {
            let of_return = |name: &str| {
                let name = Ident::new(name, returns.span());
                quote_spanned!(returns.span()=> <#returns as ::pikku::function::Return>::#name)
            };
            (of_return("Output"), of_return("Error"))
        }
    };
    let session = function.options.session || !function.options.scopes.is_empty();
    let session = session.then(|| quote!(.and(::pikku::__private::SessionMode::Required)));
    let access = access(function);
    let exposed = function.is_exposed().then(|| {
        quote! {
            #(#conditions)*
            #[automatically_derived]
            impl ::pikku::access::Exposed for #ident {}
        }
    });
    let layers = layers(function);
    let plan = if services.is_empty() { quote!(_) } else { quote!(plan) };
    let body = body(function, returns);
    let here = ident.span();
    let line = quote_spanned!(here=> ::core::line!());

    quote! {
        #marker
        #(#conditions)*
        #[automatically_derived]
        #[allow(deprecated)]
        impl ::pikku::Function for #ident {
            const NAME: &'static str = #name;
            const META: ::pikku::function::Meta = ::pikku::function::Meta {
                description: #description,
                module: ::core::module_path!(),
                file: ::core::file!(),
                line: #line,
                services: &[#(<#services as ::pikku::Service>::NAME),*],
            };
            const SESSION: ::pikku::__private::SessionMode = ::pikku::__private::SessionMode::None
                #(.and(#sessions))* #session;
            #access
            type Input = #input;
            type Output = #output;
            type Error = #error;

            fn plan(#plan: &mut ::pikku::service::Plan) {
                #(<#services as ::pikku::Service>::plan(plan);)*
            }

            #layers
            #body
        }

        #exposed
    }
}

/// `fn layers`: the permissions and middleware that the attribute names.
fn layers(function: &Function) -> Option<TokenStream> {
    let Options { permission, middleware, guarded, .. } = &function.options;
    let permission = permission.as_ref().map(|ty| quote_spanned!(ty.span()=> layers.permission::<#ty>();));
    let middleware = middleware.iter().map(|ty| quote_spanned!(ty.span()=> layers.middleware::<#ty>();));
    let middleware: Vec<TokenStream> = middleware.collect();
    let guarded = guarded.then(|| quote!(layers.guarded();));
    (permission.is_some() || guarded.is_some() || !middleware.is_empty()).then(|| {
        quote! {
            fn layers(layers: &mut ::pikku::access::OwnLayers<'_>) {
                #guarded
                #permission
                #(#middleware)*
            }
        }
    })
}

/// The constants that the attribute's arguments give.
fn access(function: &Function) -> TokenStream {
    let Options { public, scopes, read_only, tags, timeout_ms, .. } = &function.options;
    let public = public.is_some();
    let access = (public || *read_only || !scopes.is_empty()).then(|| {
        let scopes = scopes.iter().map(|scope| match scope {
            Expr::Lit(_) => quote_spanned!(scope.span()=> ::pikku::access::Scope::new(#scope)),
            other => quote!(#other),
        });
        quote! {
            const ACCESS: ::pikku::access::Access = ::pikku::access::Access {
                public: #public,
                scopes: &[#(#scopes),*],
                read_only: #read_only,
            };
        }
    });
    let tags = (!tags.is_empty()).then(|| quote!(const TAGS: &'static [&'static str] = &[#(#tags),*];));
    let timeout = timeout_ms
        .as_ref()
        .map(|timeout| quote!(const TIMEOUT_MS: ::core::option::Option<u32> = ::core::option::Option::Some(#timeout);));
    quote!(#access #tags #timeout)
}

/// `fn call`: gets the services, calls the function and gives what it returned.
fn body(function: &Function, returns: &Type) -> TokenStream {
    let ident = &function.ident;
    let (scope, input) = (local("scope"), local("input"));
    let mut gets = Vec::new();
    let mut arguments = Vec::new();
    for (index, parameter) in function.parameters.iter().enumerate() {
        let value = local(&format!("p{index}"));
        match parameter {
            Parameter::Service(ty) => {
                let get = quote_spanned!(ty.span()=> <#ty as ::pikku::Service>::get(#scope).await?);
                gets.push(quote!(let #value = #get;));
                arguments.push(quote!(&#value));
            }
            Parameter::Call(ty) => {
                gets.push(quote!(let #value: &#ty = #scope.call();));
                arguments.push(quote!(#value));
            }
            Parameter::Session(ty) => {
                let get =
                    quote_spanned!(ty.span()=> <#ty as ::pikku::function::FromCall<'_>>::from_call(#scope.call())?);
                gets.push(quote!(let #value = #get;));
                arguments.push(quote!(#value));
            }
            Parameter::Input(_) => arguments.push(quote!(#input)),
        }
    }
    let scope = if gets.is_empty() { quote!(_) } else { quote!(#scope) };
    let input = if function.input().is_some() { quote!(#input) } else { quote!(_) };
    // Where the future cannot move between threads, the compiler points at the function's name.
    let mut returned = quote_spanned!(ident.span()=> #ident(#(#arguments),*).await);
    if types::result(returns).is_none() {
        returned = quote_spanned!(returns.span()=> ::pikku::function::Return::into_result(#returned));
    }
    let future = quote_spanned! {ident.span()=>
        ::pikku::edge(async move {
            #(#gets)*
            ::pikku::function::outcome::<Self>(#returned)
        })
    };
    quote! {
        fn call<'a>(
            #scope: &'a ::pikku::service::Scope<'a>,
            #input: Self::Input,
        ) -> ::pikku::function::Invoked<'a> {
            #future
        }
    }
}

/// The type that wirings name, in the type namespace alone.
fn marker(function: &Function) -> TokenStream {
    let Function { ident, name, visibility, conditions, .. } = function;
    let doc = format!("The function [`{name}`](fn@{ident}), as wirings name it.");
    quote! {
        #(#conditions)*
        #[doc = #doc]
        #[allow(non_camel_case_types, dead_code, missing_debug_implementations)]
        #visibility struct #ident {}
    }
}

/// What stands in for the implementation of a function with mistakes, so that its wirings do not report it again.
pub(super) fn stand_in(function: &Function) -> TokenStream {
    let Function { ident, name, conditions, .. } = function;
    let marker = marker(function);
    quote! {
        #marker
        #(#conditions)*
        #[automatically_derived]
        impl ::pikku::Function for #ident {
            const NAME: &'static str = #name;
            const META: ::pikku::function::Meta =
                ::pikku::function::Meta { description: "", module: "", file: "", line: 0, services: &[] };
            const SESSION: ::pikku::__private::SessionMode = ::pikku::__private::SessionMode::None;
            type Input = ();
            type Output = ();
            type Error = ::core::convert::Infallible;

            fn plan(_: &mut ::pikku::service::Plan) {}

            fn call<'a>(
                _: &'a ::pikku::service::Scope<'a>,
                _: (),
            ) -> ::pikku::function::Invoked<'a> {
                ::pikku::edge(::core::future::ready(::core::result::Result::Ok(::pikku::function::Reply::Empty)))
            }
        }

        #(#conditions)*
        #[automatically_derived]
        impl ::pikku::access::Exposed for #ident {}
    }
}
