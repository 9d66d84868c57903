//! The arguments of the attributes.

use super::Kind;
use crate::{errors::Mistakes, options::Known};
use proc_macro2::TokenStream;
use syn::{Expr, ExprLit, Lit, LitInt, LitStr, Path};

/// What the attribute says.
#[derive(Default)]
pub(super) struct Options {
    /// What a `401` asks for.
    pub(super) challenge: Option<LitStr>,
    /// What makes a change of the session lasting.
    pub(super) keep: Option<Path>,
    /// How long a permission may take.
    pub(super) timeout_ms: Option<LitInt>,
}

/// Reads the arguments, noting every one that is wrong.
pub(super) fn parse(kind: Kind, arguments: TokenStream, mistakes: &mut Mistakes) -> Options {
    let known = match kind {
        Kind::Authenticator => Known { owner: "an authenticator", names: &["challenge", "keep"] },
        Kind::Permission => Known { owner: "a permission", names: &["timeout_ms"] },
        Kind::Middleware => Known { owner: "a middleware", names: &[] },
    };
    let mut options = Options::default();
    for (name, given) in known.read(arguments, mistakes) {
        match name {
            "challenge" => {
                options.challenge = given.text("challenge = \"Bearer realm=\\\"shop\\\"\"", mistakes);
                if let Some(challenge) = &options.challenge
                    && !is_challenge(&challenge.value())
                {
                    mistakes
                        .note(challenge, "a challenge is a scheme, perhaps with parameters after a space (RFC 9110)");
                }
            }
            "keep" => {
                options.keep = match given.value {
                    Some(Expr::Path(keep)) => Some(keep.path),
                    _ => given.wrong("this names an `async fn`: write `keep = name_of_the_function`", mistakes),
                }
            }
            _ => {
                options.timeout_ms = match given.value {
                    Some(Expr::Lit(ExprLit { lit: Lit::Int(value), .. }))
                        if value.base10_parse::<u32>().is_ok_and(|value| value > 0) =>
                    {
                        Some(value)
                    }
                    _ => given.wrong("this is milliseconds: write `timeout_ms = 500`", mistakes),
                }
            }
        }
    }
    options
}

/// Whether a text begins with a scheme and holds nothing that a header cannot. An empty one asks for nothing.
fn is_challenge(text: &str) -> bool {
    if text.is_empty() {
        return true;
    }
    let scheme = text.split(' ').next().unwrap_or_default();
    !scheme.is_empty()
        && scheme.chars().all(|letter| letter.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(letter))
        && text.chars().all(|letter| letter == ' ' || letter.is_ascii_graphic())
}
