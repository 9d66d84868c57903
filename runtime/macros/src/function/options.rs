//! The arguments of the attribute: who may call the function, and how long it may take.

use crate::{errors::Mistakes, options::Known};
use proc_macro2::TokenStream;
use syn::{Expr, ExprArray, ExprLit, Lit, LitInt, LitStr, Path, Type, TypePath};

const KNOWN: Known = Known {
    owner: "a function",
    names: &["public", "session", "scopes", "permission", "guarded", "read_only", "tags", "middleware", "timeout_ms"],
};

/// What the attribute says.
#[derive(Default)]
pub(super) struct Options {
    /// Where it says that anyone may call it.
    pub(super) public: Option<Path>,
    pub(super) session: bool,
    pub(super) scopes: Vec<Expr>,
    pub(super) permission: Option<Type>,
    pub(super) guarded: bool,
    pub(super) middleware: Vec<Type>,
    pub(super) read_only: bool,
    pub(super) tags: Vec<LitStr>,
    pub(super) timeout_ms: Option<LitInt>,
}

/// Reads the arguments, noting every one that is wrong.
pub(super) fn parse(arguments: TokenStream, mistakes: &mut Mistakes) -> Options {
    let mut options = Options::default();
    for (name, given) in KNOWN.read(arguments, mistakes) {
        match name {
            "public" => {
                let place = given.name.clone();
                options.public = given.flag(mistakes).unwrap_or_default().then_some(place);
            }
            "session" => options.session = given.flag(mistakes).unwrap_or_default(),
            "guarded" => options.guarded = given.flag(mistakes).unwrap_or_default(),
            "permission" => {
                options.permission = match given.value.as_ref().and_then(as_type) {
                    Some(ty) => Some(ty),
                    None => given.wrong(
                        "this names a permission: write `permission = owns_order` or `permission = All::<(A, B)>`",
                        mistakes,
                    ),
                }
            }
            "middleware" => {
                for one in list(given, "middleware = [log]", mistakes).into_iter().flat_map(|list| list.elems) {
                    match as_type(&one) {
                        Some(ty) => options.middleware.push(ty),
                        None => mistakes.note(one, "this names a middleware: write `middleware = [log]`"),
                    }
                }
            }
            "read_only" => options.read_only = given.flag(mistakes).unwrap_or_default(),
            "scopes" => {
                let scopes = list(given, "scopes = [\"orders:read\"]", mistakes);
                if scopes.as_ref().is_some_and(|scopes| scopes.elems.is_empty()) {
                    mistakes.note(&scopes, "no scope is required: drop `scopes`, or write `session`");
                }
                options.scopes = scopes.into_iter().flat_map(|scopes| scopes.elems).collect();
            }
            "tags" => {
                for tag in list(given, "tags = [\"staff\"]", mistakes).into_iter().flat_map(|tags| tags.elems) {
                    match tag {
                        Expr::Lit(ExprLit { lit: Lit::Str(tag), .. }) => options.tags.push(tag),
                        other => mistakes.note(other, "a tag is a string: write `tags = [\"staff\"]`"),
                    }
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

/// The type that a path names, `All::<(A, B)>` included.
fn as_type(expr: &Expr) -> Option<Type> {
    match expr {
        Expr::Path(path) => Some(Type::Path(TypePath { qself: path.qself.clone(), path: path.path.clone() })),
        _ => None,
    }
}

fn list(given: crate::options::Given, example: &str, mistakes: &mut Mistakes) -> Option<ExprArray> {
    match given.value {
        Some(Expr::Array(list)) => Some(list),
        _ => given.wrong(format!("this is a list: write `{example}`"), mistakes),
    }
}
