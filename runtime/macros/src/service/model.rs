//! What `#[pikku::service]` knows of a constructor, and the rules it keeps.

use super::options::Options;
use crate::{
    errors::Mistakes,
    function::{Parsed, not_a_service},
    types,
};
use syn::{Attribute, Expr, FnArg, Ident, PatType, Path, ReturnType, Signature, Type};

/// The constructor of a service.
pub(super) struct Constructor {
    pub(super) ident: Ident,
    pub(super) conditions: Vec<Attribute>,
    /// The type it makes.
    pub(super) service: Type,
    pub(super) is_async: bool,
    /// Whether it returns a `Result`.
    pub(super) is_fallible: bool,
    /// The whole return type, where a wrong error type is reported.
    pub(super) returns: Type,
    pub(super) lifetime: Lifetime,
    pub(super) needs: Vec<Expr>,
    pub(super) parameters: Vec<Parameter>,
}

/// How long the service lives.
pub(super) enum Lifetime {
    /// Built once, perhaps closed at the end.
    Singleton { close: Option<Path> },
    /// Built for each call.
    PerCall,
}

/// A parameter of a constructor.
pub(super) enum Parameter {
    /// `&Config`
    Service(Type),
    /// `&Call`, for a per-call service.
    Call(Type),
}

impl Constructor {
    pub(super) fn services(&self) -> impl Iterator<Item = &Type> {
        self.parameters.iter().filter_map(|parameter| match parameter {
            Parameter::Service(ty) => Some(ty),
            Parameter::Call(_) => None,
        })
    }

    /// The name of the service: that of its type.
    pub(super) fn name(&self) -> String {
        let mut ty = self.service.clone();
        if let Type::Path(path) = &mut ty {
            path.qself = None;
            path.path.leading_colon = None;
            path.path.segments = path.path.segments.last().cloned().into_iter().collect();
        }
        types::written(&ty)
    }
}

/// Reads a constructor, noting what is wrong with it; `None` where the type it makes is not to be told.
pub(super) fn check(parsed: &Parsed, options: Options, mistakes: &mut Mistakes) -> Option<Constructor> {
    let signature = &parsed.signature;
    check_signature(signature, mistakes);
    let per_call = options.per_call;
    let parameters =
        signature.inputs.iter().filter_map(|argument| read_parameter(argument, per_call, mistakes)).collect();
    let (returns, service, is_fallible) = read_returns(signature, mistakes)?;
    Some(Constructor {
        ident: signature.ident.clone(),
        conditions: parsed.conditions().cloned().collect(),
        service,
        is_async: signature.asyncness.is_some(),
        is_fallible,
        returns,
        lifetime: if per_call { Lifetime::PerCall } else { Lifetime::Singleton { close: options.close } },
        needs: options.needs.map(|needs| needs.elems.into_iter().collect()).unwrap_or_default(),
        parameters,
    })
}

fn check_signature(signature: &Signature, mistakes: &mut Mistakes) {
    if let Some(unsafety) = &signature.unsafety {
        mistakes.note(unsafety, "the constructor of a service is safe to call: drop `unsafe`");
    }
    if let Some(abi) = &signature.abi {
        mistakes.note(abi, "the constructor of a service has the ABI of Rust: drop `extern`");
    }
    if !signature.generics.params.is_empty() {
        mistakes.note(
            &signature.generics,
            "the constructor of a service is not generic, for a service is found by its type: write the types out",
        );
    }
    if let Some(clause) = &signature.generics.where_clause {
        mistakes.note(clause, "the constructor of a service has no `where` clause: its types are known");
    }
    if let Some(variadic) = &signature.variadic {
        mistakes.note(variadic, "the constructor of a service is not variadic");
    }
}

fn read_parameter(argument: &FnArg, per_call: bool, mistakes: &mut Mistakes) -> Option<Parameter> {
    let PatType { ty, .. } = match argument {
        FnArg::Typed(argument) => argument,
        FnArg::Receiver(receiver) => {
            mistakes.note(receiver, "the constructor of a service is a function on its own: move it out of the `impl`");
            return None;
        }
    };
    if types::is_impl_trait(ty) {
        mistakes.note(ty, "the constructor of a service is not generic: name the type instead of `impl Trait`");
        return None;
    }
    let Type::Reference(reference) = types::bare(ty) else {
        mistakes.note(
            ty,
            format!(
                "a constructor takes other services, by reference: write `&{}`; what is no service comes from one, such as `&pikku::service::Env`",
                types::written(ty)
            ),
        );
        return None;
    };
    let ty = types::bare(&reference.elem);
    let written = types::written(ty);
    if reference.mutability.is_some() {
        mistakes.note(reference, format!("a service is shared by those who ask for it: take `&{written}`"));
        return None;
    }
    if let Some(lifetime) = &reference.lifetime {
        mistakes.note(lifetime, format!("a service is lent to the constructor: write `&{written}`"));
        return None;
    }
    if let Some(reason) =
        not_a_service(ty, &written, "`pikku::service::Env` and the app's own services hold what a constructor needs")
    {
        mistakes.note(reference, reason);
        return None;
    }
    if !types::is_named(ty, "Call") {
        return Some(Parameter::Service(ty.clone()));
    }
    if !per_call {
        mistakes.note(
            reference,
            "a singleton is built before the first call: write `#[pikku::service(per_call)]` to have one for each call",
        );
        return None;
    }
    Some(Parameter::Call(ty.clone()))
}

/// The return type, the type of the service and whether it comes in a `Result`.
fn read_returns(signature: &Signature, mistakes: &mut Mistakes) -> Option<(Type, Type, bool)> {
    let ReturnType::Type(_, returns) = &signature.output else {
        mistakes.note(&signature.ident, "a constructor makes a service: return its type, or a `Result` of it");
        return None;
    };
    let (service, is_fallible) = match types::first_argument(returns, "Result") {
        Some(service) => (service, true),
        None => (types::bare(returns), false),
    };
    if types::is_impl_trait(service) {
        mistakes.note(service, "a service is found by its type: name the type instead of `impl Trait`");
        return None;
    }
    if let Some(borrow) = types::borrowed(service) {
        mistakes.note(service, format!("a service borrows nothing: make a type without `{borrow}`"));
        return None;
    }
    if !matches!(service, Type::Path(_)) {
        mistakes.note(
            service,
            format!("a service is a type of the app: wrap `{}` in a struct and make that", types::written(service)),
        );
        return None;
    }
    Some(((**returns).clone(), service.clone(), is_fallible))
}
