//! What the derive knows of a message, and the rules it keeps.

use crate::{
    errors::Mistakes,
    options::{self, Known},
    text,
};
use syn::{Data, DeriveInput, Expr, Ident, LitStr, Path, ext::IdentExt};

/// The longest name of a queue, without what platforms put before and after it.
const LONGEST_NAME: usize = 64;

const KNOWN: Known = Known { owner: "a message", names: &["queue", "signed_by"] };

/// A message of a queue.
pub(super) struct Message {
    pub(super) ident: Ident,
    pub(super) queue: String,
    /// The name of the service that sends it.
    pub(super) service: String,
    /// The service that signs who calls.
    pub(super) signed_by: Option<Path>,
}

/// Reads a message, noting what is wrong with it; `None` where an implementation would only be a further mistake.
pub(super) fn check(item: &DeriveInput, mistakes: &mut Mistakes) -> Option<Message> {
    let ident = &item.ident;
    let is_union = if let Data::Union(data) = &item.data {
        mistakes.note(data.union_token, "a message is a struct or an enum, for it is written as JSON");
        true
    } else {
        false
    };
    let is_generic = !item.generics.params.is_empty();
    if is_generic {
        mistakes.note(
            &item.generics,
            format!(
                "a message is not generic, for its type names one queue: write `pub struct {ident} {{ … }}` with the types in it"
            ),
        );
    }
    let (mut said, mut named, mut signed_by) = (false, None, None);
    for (name, given) in KNOWN.read(options::of_pikku(&item.attrs, mistakes), mistakes) {
        if name == "queue" {
            said = true;
            named = given.text("queue = \"orders-placed\"", mistakes);
        } else {
            signed_by = match given.value {
                Some(Expr::Path(service)) => Some(service.path),
                _ => {
                    given.wrong("this names the service that signs who calls: write `signed_by = AppCallers`", mistakes)
                }
            };
        }
    }
    if !said {
        let queue = text::kebab_case(ident);
        mistakes.note(ident, format!("a message names its queue: write `#[pikku(queue = \"{queue}\")]` on the type"));
    }
    if let Some(name) = &named {
        check_name(name, mistakes);
    }
    let queue = named.as_ref().map_or_else(String::new, LitStr::value);
    let service = format!("Queue<{}>", ident.unraw());
    (!is_generic && !is_union).then(|| Message { ident: ident.clone(), queue, service, signed_by })
}

/// The packager keeps the same rule for the queues that wirings name.
fn check_name(name: &LitStr, mistakes: &mut Mistakes) {
    let text = name.value();
    let bare = text.strip_suffix(".fifo").unwrap_or(&text);
    let taken = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if bare.is_empty() || bare.len() > LONGEST_NAME || !bare.chars().all(taken) {
        mistakes.note(
            name,
            format!(
                "`{text}` cannot be the name of a queue: use letters, digits, hyphens and underscores, at most {LONGEST_NAME} of them"
            ),
        );
    }
}
