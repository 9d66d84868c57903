//! What can be told of a type from its tokens alone.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{GenericArgument, PathArguments, PathSegment, Type};

/// The last segment of a path type: `Call` of `pikku::Call`.
pub(crate) fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match bare(ty) {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    }
}

/// Whether the last segment of a path type has that name.
pub(crate) fn is_named(ty: &Type, name: &str) -> bool {
    last_segment(ty).is_some_and(|segment| segment.ident == name)
}

/// The first generic argument of a path type whose last segment has that name: `T` of `Result<T, E>`.
pub(crate) fn first_argument<'a>(ty: &'a Type, name: &str) -> Option<&'a Type> {
    let segment = last_segment(ty).filter(|segment| segment.ident == name)?;
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}

/// The two generic arguments of `Result<T, E>`, as it is written out.
pub(crate) fn result(ty: &Type) -> Option<(&Type, &Type)> {
    let segment = last_segment(ty).filter(|segment| segment.ident == "Result")?;
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
    match arguments.args.iter().collect::<Vec<_>>()[..] {
        [GenericArgument::Type(output), GenericArgument::Type(error)] => Some((output, error)),
        _ => None,
    }
}

/// A type without the parentheses and the invisible groups of `macro_rules` around it.
pub(crate) fn bare(mut ty: &Type) -> &Type {
    loop {
        match ty {
            Type::Paren(inner) => ty = &inner.elem,
            Type::Group(inner) => ty = &inner.elem,
            _ => return ty,
        }
    }
}

/// What keeps a type from being owned: its first reference, or lifetime that is not `'static`.
pub(crate) fn borrowed(ty: &Type) -> Option<String> {
    find(ty.to_token_stream(), &mut |token, next| match (token, next) {
        (TokenTree::Punct(quote), Some(TokenTree::Ident(name))) if quote.as_char() == '\'' && name != "static" => {
            Some(format!("'{name}"))
        }
        (TokenTree::Punct(and), next) if and.as_char() == '&' => match next {
            Some(TokenTree::Punct(quote)) if quote.as_char() == '\'' => None,
            _ => Some("&".to_owned()),
        },
        _ => None,
    })
}

/// Whether a type contains `impl Trait`.
pub(crate) fn is_impl_trait(ty: &Type) -> bool {
    let is_impl = |token: &TokenTree| matches!(token, TokenTree::Ident(word) if word == "impl");
    find(ty.to_token_stream(), &mut |token, _| is_impl(token).then_some(())).is_some()
}

/// What `of` first finds in a token, given the one after it too.
fn find<T>(tokens: TokenStream, of: &mut impl FnMut(&TokenTree, Option<&TokenTree>) -> Option<T>) -> Option<T> {
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let found = match &token {
            TokenTree::Group(group) => find(group.stream(), of),
            token => of(token, tokens.peek()),
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

/// The tokens of a type as one writes them: `Pool<Sqlite>`, not `Pool < Sqlite >`.
pub(crate) fn written(tokens: impl ToTokens) -> String {
    let spaced = tokens.to_token_stream().to_string();
    let mut text = spaced.clone();
    for (from, to) in [
        (" :: ", "::"),
        (":: ", "::"),
        (" ::", "::"),
        (" < ", "<"),
        ("< ", "<"),
        (" <", "<"),
        (" >", ">"),
        ("> ", ">"),
        (" ,", ","),
        (">,", ">, "),
        ("& ", "&"),
        (",  ", ", "),
        ("( ", "("),
        (" )", ")"),
    ] {
        text = text.replace(from, to);
    }
    text.replace(">->", "> -> ").replace("  ", " ").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use syn::parse_quote;

    #[test]
    fn types_are_written_without_the_spaces_of_tokens() {
        for text in
            ["Db", "Pool<Sqlite>", "pikku::Call", "&Db", "&[u8]", "HashMap<String, Vec<u8>>", "(A, B)", "&'a str"]
        {
            let ty: Type = syn::parse_str(text).unwrap();
            assert_eq!(written(&ty), text);
        }
    }

    #[test]
    fn borrowing_is_found_wherever_it_is() {
        for (ty, expected) in [
            (parse_quote!(Vec<&str>), Some("&")),
            (parse_quote!(Cow<'a, str>), Some("'a")),
            (parse_quote!(Cow<'static, str>), None),
            (parse_quote!(Vec<String>), None),
            (parse_quote!((A, &B)), Some("&")),
            (parse_quote!(&'static str), None),
            (parse_quote!(&'a str), Some("'a")),
            (parse_quote!([&'static str; 2]), None),
        ] {
            assert_eq!(borrowed(&ty).as_deref(), expected, "{}", written(&ty));
        }
    }
}
