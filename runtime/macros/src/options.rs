//! The options of an attribute: names, some with a value after `=`.

use crate::errors::Mistakes;
use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Attribute, Expr, ExprLit, Lit, LitStr, Meta, Path, Token, parse::Parser, punctuated::Punctuated};

/// The options that a macro knows.
#[derive(Clone, Copy)]
pub(crate) struct Known {
    /// Whose options they are, with its article: `a service`.
    pub(crate) owner: &'static str,
    /// Their names.
    pub(crate) names: &'static [&'static str],
}

/// An option as it is written.
pub(crate) struct Given {
    pub(crate) name: Path,
    pub(crate) value: Option<Expr>,
}

impl Known {
    /// Reads options, noting the unknown ones and those that are said twice.
    pub(crate) fn read(self, tokens: TokenStream, mistakes: &mut Mistakes) -> Vec<(&'static str, Given)> {
        let parsed = Punctuated::<Meta, Token![,]>::parse_terminated.parse2(tokens);
        let mut read: Vec<(&'static str, Given)> = Vec::new();
        for meta in mistakes.keep(parsed).into_iter().flatten() {
            let given = match meta {
                Meta::Path(name) => Given { name, value: None },
                Meta::NameValue(pair) => Given { name: pair.path, value: Some(pair.value) },
                Meta::List(list) => {
                    let name = list.path.to_token_stream();
                    mistakes.note(&list, format!("an option has its value after `=`: write `{name} = …`"));
                    continue;
                }
            };
            let Some(&name) = self.names.iter().find(|name| given.name.is_ident(name)) else {
                let name = given.name.to_token_stream();
                mistakes.note(&given.name, format!("`{name}` is not an option of {}: {}", self.owner, self.list()));
                continue;
            };
            if read.iter().any(|(other, _)| *other == name) {
                mistakes.note(&given.name, format!("`{name}` is said twice: drop one"));
                continue;
            }
            read.push((name, given));
        }
        read
    }

    fn list(self) -> String {
        match self.names {
            [only] => format!("the one option is `{only}`"),
            [first @ .., last] => format!("the options are `{}` and `{last}`", first.join("`, `")),
            [] => "it has none".to_owned(),
        }
    }
}

impl Given {
    /// The string after `=`; `example` shows what to write otherwise.
    pub(crate) fn text(self, example: &str, mistakes: &mut Mistakes) -> Option<LitStr> {
        match self.value {
            Some(Expr::Lit(ExprLit { lit: Lit::Str(text), .. })) => Some(text),
            _ => self.wrong(format!("this is a string: write `{example}`"), mistakes),
        }
    }

    /// Whether it is on: the name alone, or `true` or `false` after `=`.
    pub(crate) fn flag(self, mistakes: &mut Mistakes) -> Option<bool> {
        match self.value {
            None => Some(true),
            Some(Expr::Lit(ExprLit { lit: Lit::Bool(value), .. })) => Some(value.value),
            _ => {
                let name = self.name.to_token_stream();
                self.wrong(format!("this is on or off: write `{name}` or `{name} = false`"), mistakes)
            }
        }
    }

    /// Notes that the value, or its absence, is a mistake.
    pub(crate) fn wrong<T>(self, message: impl std::fmt::Display, mistakes: &mut Mistakes) -> Option<T> {
        match self.value {
            Some(value) => mistakes.note(value, message),
            None => mistakes.note(self.name, message),
        }
        None
    }
}

/// What every `#[pikku(…)]` holds, as one list.
pub(crate) fn of_pikku(attributes: &[Attribute], mistakes: &mut Mistakes) -> TokenStream {
    let mut tokens = TokenStream::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("pikku")) {
        if let Some(list) = mistakes.keep(attribute.meta.require_list()) {
            let options = &list.tokens;
            let comma = (!tokens.is_empty()).then(<Token![,]>::default);
            tokens.extend(quote!(#comma #options));
        }
    }
    tokens
}
