//! What is known of an authenticator, a permission or a middleware, and the rules it keeps.

use super::options::Options;
use crate::{
    errors::Mistakes,
    function::{Parsed, not_a_service},
    text, types,
};
use syn::{Attribute, FnArg, Ident, PatType, ReturnType, Signature, Type, Visibility, ext::IdentExt};

/// What a function is made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Authenticator,
    Permission,
    Middleware,
}

/// A function that stands around others.
pub(super) struct Layer {
    pub(super) kind: Kind,
    pub(super) ident: Ident,
    pub(super) name: String,
    pub(super) visibility: Visibility,
    pub(super) conditions: Vec<Attribute>,
    pub(super) description: String,
    pub(super) options: Options,
    pub(super) parameters: Vec<Parameter>,
    /// What it returns; `None` only where that is a mistake.
    pub(super) returns: Option<Type>,
}

/// A parameter by where its value comes from.
pub(super) enum Parameter {
    /// `&Db`
    Service(Type),
    /// `&Call`
    Call(Type),
    /// `Session<User>` and `Option<Session<User>>`
    Session(Type),
    /// `Next<'_>`
    Next,
    /// The one other owned type.
    Input(Type),
}

impl Kind {
    /// What it is called, with its article.
    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::Authenticator => "an authenticator",
            Self::Permission => "a permission",
            Self::Middleware => "a middleware",
        }
    }

    /// Where the attribute stands.
    pub(super) fn expected(self) -> &'static str {
        match self {
            Self::Authenticator => {
                "`#[pikku::authenticator]` stands above an `async fn name(…) -> Result<Option<Claims>, AuthError>`"
            }
            Self::Permission => "`#[pikku::permission]` stands above an `async fn name(…) -> bool`",
            Self::Middleware => "`#[pikku::middleware]` stands above an `async fn name(…, next: Next<'_>) -> Outcome`",
        }
    }

    fn returns(self) -> &'static str {
        match self {
            Self::Authenticator => "Result<Option<pikku::Claims>, pikku::AuthError>",
            Self::Permission => "bool` or `Result<bool, E>",
            Self::Middleware => "pikku::Outcome",
        }
    }
}

impl Layer {
    pub(super) fn services(&self) -> impl Iterator<Item = &Type> {
        self.parameters.iter().filter_map(|parameter| match parameter {
            Parameter::Service(ty) => Some(ty),
            _ => None,
        })
    }

    pub(super) fn sessions(&self) -> impl Iterator<Item = &Type> {
        self.parameters.iter().filter_map(|parameter| match parameter {
            Parameter::Session(ty) => Some(ty),
            _ => None,
        })
    }

    pub(super) fn takes_input(&self) -> bool {
        self.parameters.iter().any(|parameter| matches!(parameter, Parameter::Input(_)))
    }
}

/// Reads the function, noting what is wrong with it.
pub(super) fn check(kind: Kind, parsed: &Parsed, options: Options, mistakes: &mut Mistakes) -> Layer {
    let signature = &parsed.signature;
    check_signature(kind, signature, mistakes);
    let mut parameters: Vec<Parameter> = Vec::new();
    for argument in &signature.inputs {
        parameters.extend(read_parameter(kind, argument, mistakes));
    }
    let count = |is: fn(&Parameter) -> bool| parameters.iter().filter(|parameter| is(parameter)).count();
    if count(|parameter| matches!(parameter, Parameter::Session(_))) > 1 {
        mistakes.note(&signature.ident, "a call has one session: take it once");
    }
    if count(|parameter| matches!(parameter, Parameter::Input(_))) > 1 {
        mistakes.note(&signature.ident, "a permission takes one input: put the fields in one struct");
    }
    if kind == Kind::Middleware && count(|parameter| matches!(parameter, Parameter::Next)) != 1 {
        mistakes
            .note(&signature.ident, "a middleware takes the rest of the pipeline, once: add `next: pikku::Next<'_>`");
    }
    let returns = match &signature.output {
        ReturnType::Type(_, ty) if !types::is_impl_trait(ty) => Some((**ty).clone()),
        _ => {
            mistakes.note(&signature.ident, format!("{} returns `{}`", kind.noun(), kind.returns()));
            None
        }
    };
    Layer {
        kind,
        ident: signature.ident.clone(),
        name: signature.ident.unraw().to_string(),
        visibility: parsed.visibility.clone(),
        conditions: parsed.conditions().cloned().collect(),
        description: text::doc_comment(&parsed.attributes),
        options,
        parameters,
        returns,
    }
}

fn check_signature(kind: Kind, signature: &Signature, mistakes: &mut Mistakes) {
    let (noun, name) = (kind.noun(), &signature.ident);
    if signature.asyncness.is_none() {
        mistakes.note(signature.fn_token, format!("{noun} is async: write `async fn {name}`"));
    }
    if let Some(unsafety) = &signature.unsafety {
        mistakes.note(unsafety, format!("{noun} is safe to call: write `async fn {name}`"));
    }
    if let Some(abi) = &signature.abi {
        mistakes.note(abi, format!("{noun} has the ABI of Rust: write `async fn {name}`"));
    }
    if !signature.generics.params.is_empty() {
        mistakes.note(&signature.generics, format!("{noun} is not generic: write the types out"));
    }
    if let Some(clause) = &signature.generics.where_clause {
        mistakes.note(clause, format!("{noun} has no `where` clause: its types are known"));
    }
}

fn read_parameter(kind: Kind, argument: &FnArg, mistakes: &mut Mistakes) -> Option<Parameter> {
    let noun = kind.noun();
    let PatType { ty, .. } = match argument {
        FnArg::Typed(argument) => argument,
        FnArg::Receiver(receiver) => {
            mistakes.note(receiver, format!("{noun} is a function on its own: move it out of the `impl`"));
            return None;
        }
    };
    let ty = types::bare(ty);
    let is_session = types::is_named(ty, "Session")
        || types::first_argument(ty, "Option").is_some_and(|inner| types::is_named(inner, "Session"));
    match ty {
        ty if types::is_impl_trait(ty) => {
            mistakes.note(ty, format!("{noun} is not generic: name the type instead of `impl Trait`"));
            None
        }
        Type::Reference(reference) => {
            let ty = types::bare(&reference.elem);
            let written = types::written(ty);
            if reference.mutability.is_some() {
                let instead = if types::is_named(ty, "Call") { "a call" } else { "a service" };
                mistakes.note(reference, format!("{instead} is shared: take `&{written}`"));
                return None;
            }
            if let Some(lifetime) = &reference.lifetime {
                mistakes.note(lifetime, format!("it is lent for the call: write `&{written}`"));
                return None;
            }
            if let Some(mistake) = not_a_service(ty, &written, "the app's own services hold what is needed") {
                mistakes.note(reference, mistake);
                return None;
            }
            let is_call = types::is_named(ty, "Call");
            Some(if is_call { Parameter::Call(ty.clone()) } else { Parameter::Service(ty.clone()) })
        }
        ty if is_session && kind == Kind::Authenticator => {
            mistakes.note(ty, "an authenticator makes the session: take `&Call` and look at its headers");
            None
        }
        ty if is_session => Some(Parameter::Session(ty.clone())),
        ty if types::is_named(ty, "Next") && kind == Kind::Middleware => Some(Parameter::Next),
        ty if kind == Kind::Permission => match types::borrowed(ty) {
            Some(borrow) => {
                mistakes.note(ty, format!("a permission owns its input: write the type without `{borrow}`"));
                None
            }
            None => Some(Parameter::Input(ty.clone())),
        },
        ty => {
            let written = types::written(ty);
            mistakes.note(ty, format!("{noun} has no input: take services by reference, `&{written}`, or `&Call`"));
            None
        }
    }
}
