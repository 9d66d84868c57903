//! The arguments of the attribute: `per_call`, `needs = […]`, `close = path`.

use crate::{errors::Mistakes, options::Known};
use proc_macro2::TokenStream;
use syn::{Expr, ExprArray, Path};

const KNOWN: Known = Known { owner: "a service", names: &["per_call", "needs", "close"] };

/// What the attribute says.
#[derive(Default)]
pub(super) struct Options {
    pub(super) per_call: bool,
    pub(super) needs: Option<ExprArray>,
    pub(super) close: Option<Path>,
}

/// Reads the arguments, noting every one that is wrong.
pub(super) fn parse(arguments: TokenStream, mistakes: &mut Mistakes) -> Options {
    let mut options = Options::default();
    for (name, given) in KNOWN.read(arguments, mistakes) {
        match name {
            "per_call" => options.per_call = given.flag(mistakes).unwrap_or_default(),
            "needs" => {
                options.needs = match given.value {
                    Some(Expr::Array(needs)) => Some(needs),
                    _ => given.wrong("this is a list: write `needs = [pikku::Need::ReadTable(\"orders\")]`", mistakes),
                }
            }
            _ => {
                options.close = match given.value {
                    Some(Expr::Path(close)) => Some(close.path),
                    _ => given
                        .wrong("this names an `async fn(&Service)`: write `close = name_of_the_function`", mistakes),
                }
            }
        }
    }
    if let (true, Some(close)) = (options.per_call, &options.close) {
        mistakes.note(
            close,
            "a per-call service ends with its call and is not closed: implement `Drop`, or drop `per_call`",
        );
    }
    options
}
