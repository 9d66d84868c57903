//! The implementation of `pikku::Error`.

use super::{
    detail::Detail,
    model::{Case, ErrorType, Kind, Variant},
};
use crate::text::local;
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Ident, Member, Type, spanned::Spanned};

/// The cases as a constant, and each as the envelope carries it.
pub(super) fn implementation(error: &ErrorType) -> TokenStream {
    let ident = &error.ident;
    let cases = cases(&error.variants);
    let body = body(ident, &error.variants);
    quote! {
        #[automatically_derived]
        #[allow(deprecated)]
        impl ::pikku::Error for #ident {
            const CASES: &'static [::pikku::ErrorCase] = #cases;

            fn into_problem(self) -> ::pikku::Problem {
                #body
            }
        }
    }
}

/// The list of cases; with transparent variants it is put together by the compiler.
fn cases(variants: &[Variant]) -> TokenStream {
    let own: Vec<TokenStream> = variants.iter().filter_map(own_case).collect();
    let wrapped: Vec<&Type> = variants
        .iter()
        .filter_map(|variant| match &variant.kind {
            Kind::Transparent(_, ty) => Some(ty),
            Kind::Case(_) => None,
        })
        .collect();
    let count = own.len();
    let own = quote!(&[#(#own),*]);
    if wrapped.is_empty() {
        return own;
    }
    let wrapped = wrapped.into_iter().map(|ty| quote_spanned!(ty.span()=> <#ty as ::pikku::Error>::CASES));
    let wrapped: Vec<TokenStream> = wrapped.collect();
    quote!(&::pikku::__private::cases::<{ #count #(+ #wrapped.len())* }>(&[#own, #(#wrapped),*]))
}

fn own_case(variant: &Variant) -> Option<TokenStream> {
    let Kind::Case(Case { status, code, title, retry, .. }) = &variant.kind else { return None };
    Some(quote! {
        ::pikku::ErrorCase {
            code: #code,
            status: ::pikku::StatusCode::new(#status),
            title: #title,
            retry: #retry,
        }
    })
}

fn body(ident: &Ident, variants: &[Variant]) -> TokenStream {
    let arms = variants.iter().map(arm);
    // A type with no variants has no value.
    let arms = quote!(match self { #(#arms)* });
    if !variants.iter().any(|variant| matches!(variant.kind, Kind::Case(_))) {
        return arms;
    }
    let (private, debug) = (local("private"), quote_spanned!(ident.span()=> ::std::format!("{:?}", self)));
    quote! {
        let #private = #debug;
        #arms
    }
}

fn arm(variant: &Variant) -> TokenStream {
    let path = variant.name.as_ref().map_or_else(|| quote!(Self), |name| quote!(Self::#name));
    let case = match &variant.kind {
        Kind::Case(case) => case,
        Kind::Transparent(member, ty) => {
            let error = local("error");
            let into_problem = quote_spanned!(ty.span()=> <#ty as ::pikku::Error>::into_problem(#error));
            return quote!(#path { #member: #error } => #into_problem,);
        }
    };
    let Case { status, code, title, detail, retry } = case;
    let (bindings, detail) = match detail {
        None => (Vec::new(), quote!(#title)),
        Some(Detail { format, shown }) => {
            let bindings = shown.iter().map(bind).collect();
            // Also without fields, for `{{` is one brace.
            (bindings, quote!(::std::format!(#format)))
        }
    };
    let private = local("private");
    quote! {
        #path { #(#bindings)* .. } => {
            ::pikku::Problem::new(const { ::pikku::StatusCode::new(#status) }, #code, #detail)
                .with_retry(#retry)
                .with_private(#private)
        }
    }
}

/// The pattern that binds a field.
fn bind((member, binding): &(Member, Ident)) -> TokenStream {
    match member {
        Member::Named(ident) if ident == binding => quote!(#binding,),
        member => quote!(#member: #binding,),
    }
}

/// What stands in for the implementation of a type with mistakes, so that functions that return it do not report them.
pub(super) fn stand_in(error: &ErrorType) -> TokenStream {
    let ident = &error.ident;
    let (parameters, arguments, clause) = error.generics.split_for_impl();
    quote! {
        #[automatically_derived]
        impl #parameters ::pikku::Error for #ident #arguments #clause {
            const CASES: &'static [::pikku::ErrorCase] = &[];

            fn into_problem(self) -> ::pikku::Problem {
                ::pikku::Problem::internal("its type has mistakes")
            }
        }
    }
}
