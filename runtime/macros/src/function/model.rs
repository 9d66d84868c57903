//! What `#[pikku::function]` knows of a function, and the rules it keeps.

use super::{options::Options, parse::Parsed};
use crate::{errors::Mistakes, text, types};
use syn::{Attribute, FnArg, Ident, Pat, ReturnType, Signature, Type, TypeReference, Visibility, ext::IdentExt};

/// A function of the app.
pub(super) struct Function {
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
    /// The one other owned type.
    Input(Type),
}

impl Function {
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

    /// Whether it says who may call it, so that it may be reached from outside.
    pub(super) fn is_exposed(&self) -> bool {
        let Options { public, session, scopes, permission, guarded, .. } = &self.options;
        let own = public.is_some() || *session || !scopes.is_empty() || permission.is_some();
        own || *guarded || self.demands_session()
    }

    /// Whether a parameter of it demands a session.
    fn demands_session(&self) -> bool {
        self.sessions().any(|ty| types::is_named(ty, "Session"))
    }

    pub(super) fn input(&self) -> Option<&Type> {
        self.parameters.iter().find_map(|parameter| match parameter {
            Parameter::Input(ty) => Some(ty),
            _ => None,
        })
    }
}

/// Reads a function, noting what is wrong with it.
pub(super) fn check(parsed: &Parsed, options: Options, mistakes: &mut Mistakes) -> Function {
    let signature = &parsed.signature;
    check_qualifiers(signature, mistakes);
    check_generics(signature, mistakes);
    let mut parameters = Parameters::default();
    for argument in &signature.inputs {
        parameters.read(argument, mistakes);
    }
    let function = Function {
        ident: signature.ident.clone(),
        name: signature.ident.unraw().to_string(),
        visibility: parsed.visibility.clone(),
        conditions: parsed.conditions().cloned().collect(),
        description: text::doc_comment(&parsed.attributes),
        options,
        parameters: parameters.read,
        returns: check_returns(signature, mistakes),
    };
    check_public(&function, mistakes);
    function
}

/// What is public is for everyone: it cannot also demand something of its caller.
fn check_public(function: &Function, mistakes: &mut Mistakes) {
    let Some(public) = &function.options.public else { return };
    let demand = if function.demands_session() {
        "takes a session: take `Option<Session<U>>`, or drop `public`"
    } else if function.options.session {
        "says `session`: drop one of them"
    } else if !function.options.scopes.is_empty() {
        "says `scopes`: drop one of them"
    } else if function.options.permission.is_some() {
        "says `permission`, which is enough: drop `public`"
    } else if function.options.guarded {
        "says `guarded`: drop one of them"
    } else {
        return;
    };
    mistakes.note(public, format!("what is public demands nothing of its caller, and this function {demand}"));
}

fn check_qualifiers(signature: &Signature, mistakes: &mut Mistakes) {
    let name = &signature.ident;
    if let Some(constness) = &signature.constness {
        mistakes.note(constness, format!("a function of the app is not `const`: write `async fn {name}`"));
    }
    if signature.asyncness.is_none() {
        mistakes.note(signature.fn_token, format!("a function of the app is async: write `async fn {name}`"));
    }
    if let Some(unsafety) = &signature.unsafety {
        mistakes.note(unsafety, format!("a function of the app is safe to call: write `async fn {name}`"));
    }
    if let Some(abi) = &signature.abi {
        mistakes.note(abi, format!("a function of the app has the ABI of Rust: write `async fn {name}`"));
    }
}

fn check_generics(signature: &Signature, mistakes: &mut Mistakes) {
    if !signature.generics.params.is_empty() {
        mistakes.note(
            &signature.generics,
            "a function of the app is not generic, for its input, its output and its services are part of a contract: write the types out",
        );
    }
    if let Some(clause) = &signature.generics.where_clause {
        mistakes.note(clause, "a function of the app has no `where` clause: its types are known");
    }
    if let Some(variadic) = &signature.variadic {
        mistakes.note(variadic, "a function of the app is not variadic");
    }
}

fn check_returns(signature: &Signature, mistakes: &mut Mistakes) -> Option<Type> {
    match &signature.output {
        ReturnType::Default => {
            mistakes.note(
                &signature.ident,
                "a function of the app says what it answers and how it fails: return `Result<T, E>`, or `Result<(), E>` for nothing",
            );
            None
        }
        ReturnType::Type(_, ty) if types::is_impl_trait(ty) => {
            mistakes.note(ty, "what a function answers is part of its contract: name the type instead of `impl Trait`");
            None
        }
        ReturnType::Type(_, ty) if !may_be_result(ty) => {
            let written = types::written(ty);
            mistakes.note(
                ty,
                format!("a function of the app says how it fails: return `Result<{written}, E>`, or `Result<{written}, std::convert::Infallible>` where nothing can"),
            );
            None
        }
        ReturnType::Type(_, ty) => match types::borrowed(ty) {
            None => Some((**ty).clone()),
            Some(borrow) => {
                mistakes.note(ty, format!("a function owns what it answers: return a type without `{borrow}`"));
                None
            }
        },
    }
}

/// Whether a type is a `Result`, or may be an alias of one by its name.
fn may_be_result(ty: &Type) -> bool {
    types::last_segment(ty).is_some_and(|segment| segment.ident.to_string().ends_with("Result"))
}

/// The parameters read so far, and those of which there can be one.
#[derive(Default)]
struct Parameters {
    read: Vec<Parameter>,
    input: Option<String>,
    session: Option<String>,
}

impl Parameters {
    fn read(&mut self, argument: &FnArg, mistakes: &mut Mistakes) {
        let argument = match argument {
            FnArg::Typed(argument) => argument,
            FnArg::Receiver(receiver) => {
                return mistakes.note(
                    receiver,
                    "a function of the app is not a method: move it out of the `impl` and take what it needs of `self` as a service, `&T`",
                );
            }
        };
        for attribute in &argument.attrs {
            if attribute.path().is_ident("cfg") {
                mistakes.note(
                    attribute,
                    "the parameters of a function are not conditional: put `#[cfg]` on the whole function",
                );
            }
        }
        let parameter = match types::bare(&argument.ty) {
            ty if types::is_impl_trait(ty) => {
                return mistakes
                    .note(ty, "a function of the app is not generic: name the type instead of `impl Trait`");
            }
            Type::Reference(reference) => read_reference(reference, mistakes),
            ty if types::is_named(ty, "Session")
                || types::first_argument(ty, "Option").is_some_and(|inner| types::is_named(inner, "Session")) =>
            {
                self.read_session(ty, &argument.pat, mistakes)
            }
            ty => self.read_input(ty, &argument.pat, mistakes),
        };
        self.read.extend(parameter);
    }

    fn read_session(&mut self, ty: &Type, pattern: &Pat, mistakes: &mut Mistakes) -> Option<Parameter> {
        let name = types::written(pattern);
        if let Some(first) = &self.session {
            mistakes.note(ty, format!("a call has one session, and `{first}` is it: drop `{name}`"));
            return None;
        }
        self.session = Some(name);
        let session = types::first_argument(ty, "Option").unwrap_or(ty);
        if types::first_argument(session, "Session").is_none() {
            mistakes.note(ty, "a session is of a type of the app: write `Session<User>` with yours");
            return None;
        }
        if let Some(borrow) = types::borrowed(ty) {
            mistakes.note(ty, format!("a session is owned: write its type without `{borrow}`"));
            return None;
        }
        Some(Parameter::Session(ty.clone()))
    }

    fn read_input(&mut self, ty: &Type, pattern: &Pat, mistakes: &mut Mistakes) -> Option<Parameter> {
        let name = types::written(pattern);
        if let Some(first) = &self.input {
            mistakes.note(
                ty,
                format!(
                    "a function takes one input: put the fields of `{first}` and `{name}` in one struct, or take `&{}` if it is a service",
                    types::written(ty)
                ),
            );
            return None;
        }
        self.input = Some(name);
        if types::is_named(ty, "Call") {
            mistakes.note(ty, "the call is lent to the function: take `&Call`");
            return None;
        }
        if let Some(borrow) = types::borrowed(ty) {
            mistakes.note(ty, format!("a function owns its input: write the type without `{borrow}`, with `String` for `&str` and `Vec<T>` for `&[T]`"));
            return None;
        }
        Some(Parameter::Input(ty.clone()))
    }
}

/// A parameter taken by reference: a service or the call.
fn read_reference(reference: &TypeReference, mistakes: &mut Mistakes) -> Option<Parameter> {
    let ty = types::bare(&reference.elem);
    let written = types::written(ty);
    if reference.mutability.is_some() {
        mistakes.note(
            reference,
            format!("a service is shared by every call: take `&{written}`, and put what changes behind a lock or a channel inside it"),
        );
        return None;
    }
    if let Some(lifetime) = &reference.lifetime {
        mistakes.note(lifetime, format!("a service is lent for the call: write `&{written}`"));
        return None;
    }
    if let Some(mistake) =
        not_a_service(ty, &written, "take it by value if it is the input, or put it in the input's struct")
    {
        mistakes.note(reference, mistake);
        return None;
    }
    Some(if types::is_named(ty, "Call") { Parameter::Call(ty.clone()) } else { Parameter::Service(ty.clone()) })
}

/// Why a type can be no service, whatever its constructors; `instead` says where a plain value goes.
pub(crate) fn not_a_service(ty: &Type, written: &str, instead: &str) -> Option<String> {
    let plain = |owned: &str| {
        let owned = if owned == written { String::new() } else { format!(", as `{owned}`") };
        Some(format!("`&` marks a service, and `{written}` is none: {instead}{owned}"))
    };
    match ty {
        Type::Slice(slice) => plain(&format!("Vec<{}>", types::written(&slice.elem))),
        Type::TraitObject(_) => {
            Some(format!("a service is a type of its own: wrap `Box<{written}>` in a struct that has a constructor"))
        }
        Type::Path(_) if types::is_named(ty, "str") => plain("String"),
        Type::Path(_) if types::is_named(ty, "String") || types::is_named(ty, "Vec") => plain(written),
        Type::Path(_) if types::is_named(ty, "Session") || types::is_named(ty, "Option") => {
            Some(format!("`&` marks a service: take `{written}` by value"))
        }
        Type::Path(_) | Type::Macro(_) => {
            types::borrowed(ty).map(|borrow| format!("a service borrows nothing: write its type without `{borrow}`"))
        }
        _ => plain(written),
    }
}
