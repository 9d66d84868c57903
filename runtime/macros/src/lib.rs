//! The attribute and derive macros of Pikku.
//!
//! Use them through the crate `pikku`, which exports them; its documentation of each is their reference. Each is written as a compiler front end: it *parses* its
//! input, builds a *model* of it, *checks* the model and *expands* it into a thin implementation of a trait of `pikku`.
//! Nothing is registered and nothing runs before `main`.

mod config;
mod error;
mod errors;
mod function;
#[cfg(test)]
mod golden;
mod group;
mod layer;
mod message;
mod options;
mod service;
mod signer;
mod text;
mod types;

use proc_macro::TokenStream;

/// Makes an `async fn` a function of the app.
#[proc_macro_attribute]
pub fn function(arguments: TokenStream, item: TokenStream) -> TokenStream {
    function::expand(arguments.into(), item.into()).into()
}

/// Makes a `fn` or `async fn` the constructor of a service.
#[proc_macro_attribute]
pub fn service(arguments: TokenStream, item: TokenStream) -> TokenStream {
    service::expand(arguments.into(), item.into()).into()
}

/// Makes an `async fn` a source of sessions.
#[proc_macro_attribute]
pub fn authenticator(arguments: TokenStream, item: TokenStream) -> TokenStream {
    layer::expand(layer::Kind::Authenticator, arguments.into(), item.into()).into()
}

/// Makes an `async fn` a permission.
#[proc_macro_attribute]
pub fn permission(arguments: TokenStream, item: TokenStream) -> TokenStream {
    layer::expand(layer::Kind::Permission, arguments.into(), item.into()).into()
}

/// Makes an `async fn` a middleware.
#[proc_macro_attribute]
pub fn middleware(arguments: TokenStream, item: TokenStream) -> TokenStream {
    layer::expand(layer::Kind::Middleware, arguments.into(), item.into()).into()
}

/// Makes a type a group of functions: the unit of deployment.
#[proc_macro_derive(Group, attributes(pikku))]
pub fn group(item: TokenStream) -> TokenStream {
    group::expand(item.into()).into()
}

/// Makes a struct a service of settings.
#[proc_macro_derive(Config, attributes(pikku))]
pub fn config(item: TokenStream) -> TokenStream {
    config::expand(item.into()).into()
}

/// Makes a type the message of a queue.
#[proc_macro_derive(Message, attributes(pikku))]
pub fn message(item: TokenStream) -> TokenStream {
    message::expand(item.into()).into()
}

/// Makes a type around what signs callers sign them too.
#[proc_macro_derive(CallerSigner)]
pub fn caller_signer(item: TokenStream) -> TokenStream {
    signer::expand(item.into()).into()
}

/// Makes an enum the error of a function.
#[proc_macro_derive(Error, attributes(pikku))]
pub fn error(item: TokenStream) -> TokenStream {
    error::expand(item.into()).into()
}
