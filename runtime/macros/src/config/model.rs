//! What the derive knows of a configuration, and the rules it keeps.

use crate::{
    errors::Mistakes,
    options::{self, Given, Known},
    text, types,
};
use syn::{Data, DeriveInput, Expr, ExprLit, Fields, Ident, Lit, LitStr, Type, ext::IdentExt};

/// The longest name of a secret: that of Key Vault, less what platforms put before it.
const LONGEST_SECRET: usize = 64;

const KNOWN: Known = Known { owner: "a setting", names: &["variable", "secret", "default"] };

/// A struct of settings.
pub(super) struct Config {
    pub(super) ident: Ident,
    pub(super) settings: Vec<Setting>,
}

/// A field.
pub(super) struct Setting {
    pub(super) ident: Ident,
    /// The type that a text is read as: that within `Option` and `Secret`.
    pub(super) ty: Type,
    pub(super) source: Source,
    pub(super) is_secret: bool,
    pub(super) presence: Presence,
}

/// Where a setting comes from.
pub(super) enum Source {
    Variable(String),
    Secret(String),
}

/// What becomes of a setting that is not there.
pub(super) enum Presence {
    Required,
    Optional,
    /// A text that is read as if it had been set.
    DefaultText(LitStr),
    /// A value.
    Default(Expr),
}

/// Reads a struct, noting what is wrong with it; `None` where an implementation would only be a further mistake.
pub(super) fn check(item: &DeriveInput, mistakes: &mut Mistakes) -> Option<Config> {
    let ident = &item.ident;
    let instead = format!("write `pub struct {ident} {{ … }}` with a field for each setting");
    if !item.generics.params.is_empty() {
        mistakes.note(&item.generics, format!("a configuration is not generic: {instead}"));
        return None;
    }
    let fields = match &item.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => &fields.named,
            Fields::Unnamed(_) | Fields::Unit => {
                mistakes.note(ident, format!("a configuration has fields with names: {instead}"));
                return None;
            }
        },
        Data::Enum(data) => {
            mistakes.note(data.enum_token, format!("a configuration is a struct: {instead}"));
            return None;
        }
        Data::Union(data) => {
            mistakes.note(data.union_token, format!("a configuration is a struct: {instead}"));
            return None;
        }
    };
    let settings = fields.iter().filter_map(|field| setting(field, mistakes)).collect();
    Some(Config { ident: ident.clone(), settings })
}

fn setting(field: &syn::Field, mistakes: &mut Mistakes) -> Option<Setting> {
    let ident = field.ident.clone()?;
    let (mut variable, mut secret, mut default) = (None, None, None);
    for (name, given) in KNOWN.read(options::of_pikku(&field.attrs, mistakes), mistakes) {
        match name {
            "variable" => variable = Some(given),
            "secret" => secret = Some(given),
            _ => default = Some(given),
        }
    }
    let inner = types::first_argument(&field.ty, "Option");
    let is_optional = inner.is_some();
    let ty = inner.unwrap_or(&field.ty);
    let exposed = types::first_argument(ty, "Secret");
    let is_secret = exposed.is_some();
    if let (Some(secret), false) = (&secret, is_secret) {
        mistakes.note(
            &secret.name,
            format!("a secret is of a type that nothing prints: write `{ident}: Secret<{}>`", types::written(ty)),
        );
    }
    if let (Some(_), Some(secret)) = (&variable, &secret) {
        mistakes.note(&secret.name, "a setting comes from one place: drop `variable` or `secret`");
    }
    let source = match (variable, secret) {
        (Some(variable), _) => Source::Variable(variable_name(variable, mistakes)),
        (None, Some(secret)) => Source::Secret(secret_name(secret, mistakes)),
        (None, None) if is_secret => Source::Secret(text::kebab_case(&ident)),
        (None, None) => Source::Variable(ident.unraw().to_string().to_uppercase()),
    };
    let presence = match default {
        None if is_optional => Presence::Optional,
        None => Presence::Required,
        Some(given) => presence(given, is_optional, is_secret, mistakes),
    };
    Some(Setting { ident, ty: exposed.unwrap_or(ty).clone(), source, is_secret, presence })
}

/// What a default says. Where it is a mistake the setting is taken as if it had none.
fn presence(default: Given, is_optional: bool, is_secret: bool, mistakes: &mut Mistakes) -> Presence {
    if is_optional {
        mistakes.note(&default.name, "what has a default is always there: drop `Option` or `default`");
        return Presence::Optional;
    }
    if is_secret {
        mistakes.note(
            &default.name,
            "a secret that stands in the source is none: drop `default`, and give it where the app runs",
        );
        return Presence::Required;
    }
    match default.value {
        Some(Expr::Lit(ExprLit { lit: Lit::Str(text), .. })) => Presence::DefaultText(text),
        Some(value) => Presence::Default(value),
        None => default.wrong("a default has a value: write `default = 20`", mistakes).unwrap_or(Presence::Required),
    }
}

fn variable_name(given: Given, mistakes: &mut Mistakes) -> String {
    let Some(name) = given.text("variable = \"PAGE_SIZE\"", mistakes) else { return String::new() };
    let text = name.value();
    let is_taken = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    if !text.starts_with(|first: char| first.is_ascii_uppercase()) || !text.chars().all(is_taken) {
        mistakes.note(
            &name,
            format!("`{text}` cannot be the name of a variable: use capitals, digits and underscores, a capital first"),
        );
    }
    text
}

/// The packager keeps the same rule for the secrets that services need.
fn secret_name(given: Given, mistakes: &mut Mistakes) -> String {
    let Some(name) = given.text("secret = \"session-keys\"", mistakes) else { return String::new() };
    let text = name.value();
    let is_taken = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/');
    if text.is_empty() || text.len() > LONGEST_SECRET || !text.chars().all(is_taken) {
        mistakes.note(
            &name,
            format!(
                "`{text}` cannot be the name of a secret: use letters, digits, hyphens, underscores and slashes, at most {LONGEST_SECRET} of them"
            ),
        );
    }
    text
}
