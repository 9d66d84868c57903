//! The expansions in `tests/expansions`, for a reviewer to read: `case.rs` is what a user writes, `case.expanded.rs`
//! what it becomes. After a change, `UPDATE_EXPECT=1 cargo test -p pikku-macros` writes them anew.

use expect_test::expect_file;
use proc_macro2::TokenStream;
use quote::ToTokens;
use std::{fs, path::Path};
use syn::{Attribute, DeriveInput, File, Item, ItemFn, Meta, Path as Name, Token, punctuated::Punctuated};

#[test]
fn expansions_are_as_written_down() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/expansions");
    let mut cases: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.retain(|path| !path.to_str().unwrap().ends_with(".expanded.rs"));
    cases.sort();
    assert!(!cases.is_empty());
    for case in cases {
        let file: File = syn::parse_file(&fs::read_to_string(&case).unwrap()).unwrap();
        let expanded: TokenStream = file.items.into_iter().map(expand).collect();
        let expanded = prettyplease::unparse(&syn::parse2(expanded).unwrap());
        expect_file![case.with_extension("expanded.rs")].assert_eq(&expanded);
    }
}

fn expand(item: Item) -> TokenStream {
    match item {
        Item::Fn(function) => expand_function(function),
        Item::Struct(item) => derive(item.into()),
        Item::Enum(item) => derive(item.into()),
        other => panic!("no macro stands on `{}`", other.to_token_stream()),
    }
}

fn expand_function(mut function: ItemFn) -> TokenStream {
    let macros = |attribute: &Attribute| attribute.path().segments[0].ident == "pikku";
    let at = function.attrs.iter().position(macros).expect("an attribute of pikku");
    let attribute = function.attrs.remove(at);
    let arguments = match &attribute.meta {
        Meta::List(list) => list.tokens.clone(),
        _ => TokenStream::new(),
    };
    let item = function.into_token_stream();
    match attribute.path().segments[1].ident.to_string().as_str() {
        "function" => crate::function::expand(arguments, item),
        "service" => crate::service::expand(arguments, item),
        "authenticator" => crate::layer::expand(crate::layer::Kind::Authenticator, arguments, item),
        "permission" => crate::layer::expand(crate::layer::Kind::Permission, arguments, item),
        "middleware" => crate::layer::expand(crate::layer::Kind::Middleware, arguments, item),
        other => panic!("`{other}` is not an attribute of pikku"),
    }
}

/// What the derives add; the type itself is left out.
fn derive(item: DeriveInput) -> TokenStream {
    let derives = item.attrs.iter().filter(|attribute| attribute.path().is_ident("derive"));
    let derives = derives
        .flat_map(|attribute| attribute.parse_args_with(Punctuated::<Name, Token![,]>::parse_terminated).unwrap());
    let of_pikku = derives.filter(|name| name.segments[0].ident == "pikku");
    of_pikku
        .map(|name| match name.segments[1].ident.to_string().as_str() {
            "CallerSigner" => crate::signer::expand(item.to_token_stream()),
            "Config" => crate::config::expand(item.to_token_stream()),
            "Group" => crate::group::expand(item.to_token_stream()),
            "Message" => crate::message::expand(item.to_token_stream()),
            "Error" => crate::error::expand(item.to_token_stream()),
            other => panic!("`{other}` is not a derive of pikku"),
        })
        .collect()
}
