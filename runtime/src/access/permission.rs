use crate::{
    BoxError, BoxFuture, Problem,
    error::chain,
    function::{Input, Meta},
    future::contained,
    platform::{Level, LogLine},
    service::{Plan, Scope},
    session::SessionMode,
};
use serde_json::Value;
use std::{fmt, marker::PhantomData, time::Duration};

/// A condition that a call must meet. Implemented by `#[pikku::permission]`, and by [`All`], [`Any`] and [`Not`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a permission",
    note = "write `#[pikku::permission]` above `async fn {Self}(…) -> bool`, or combine some: `pikku::access::All<(A, B)>`"
)]
pub trait Permission: Send + Sync + 'static {
    /// The name: that of the Rust function, or what combines others.
    const NAME: &'static str;
    /// What the source says of it; `None` for a combination.
    const META: Option<Meta> = None;
    /// What it wants to know of the caller.
    const SESSION: SessionMode;

    /// Adds the services it asks for to the plan.
    fn plan(plan: &mut Plan);

    /// Writes the rule: `all(is_staff, not(is_suspended))`.
    fn describe(rule: &mut String);

    /// Decides about a call with this input, which is valid.
    fn decide<'a>(scope: &'a Scope<'a>, input: &'a Value) -> BoxFuture<'a, Decision>;
}

/// What a permission says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The call may go on.
    Allowed,
    /// It may not.
    Denied,
    /// It could not be decided, so the call may not go on either; [`Not`] does not turn it round.
    Failed,
}

/// Every one of them allows. They are asked in order, until one does not.
pub struct All<P>(PhantomData<fn() -> P>);

/// One of them allows. They are asked in order, until one does.
pub struct Any<P>(PhantomData<fn() -> P>);

/// It denies. What cannot be decided is not allowed.
pub struct Not<P>(PhantomData<fn() -> P>);

macro_rules! combined {
    ($($combination:ident)*) => {$(
        impl<P> fmt::Debug for $combination<P> {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(stringify!($combination))
            }
        }
    )*};
}

combined!(All Any Not);

macro_rules! tuples {
    ($($permission:ident)*) => {
        impl<$($permission: Permission),*> Permission for All<($($permission,)*)> {
            const NAME: &'static str = "all";
            const SESSION: SessionMode = SessionMode::None$(.and($permission::SESSION))*;

            fn plan(plan: &mut Plan) {
                $($permission::plan(plan);)*
            }

            fn describe(rule: &mut String) {
                list(rule, Self::NAME, &[$($permission::describe),*]);
            }

            fn decide<'a>(scope: &'a Scope<'a>, input: &'a Value) -> BoxFuture<'a, Decision> {
                Box::pin(async move {
                    $(
                        match $permission::decide(scope, input).await {
                            Decision::Allowed => {}
                            other => return other,
                        }
                    )*
                    Decision::Allowed
                })
            }
        }

        impl<$($permission: Permission),*> Permission for Any<($($permission,)*)> {
            const NAME: &'static str = "any";
            const SESSION: SessionMode = SessionMode::None$(.and($permission::SESSION))*;

            fn plan(plan: &mut Plan) {
                $($permission::plan(plan);)*
            }

            fn describe(rule: &mut String) {
                list(rule, Self::NAME, &[$($permission::describe),*]);
            }

            fn decide<'a>(scope: &'a Scope<'a>, input: &'a Value) -> BoxFuture<'a, Decision> {
                Box::pin(async move {
                    let mut decision = Decision::Denied;
                    $(
                        match $permission::decide(scope, input).await {
                            Decision::Allowed => return Decision::Allowed,
                            Decision::Failed => decision = Decision::Failed,
                            Decision::Denied => {}
                        }
                    )*
                    decision
                })
            }
        }
    };
}

tuples!(A);
tuples!(A B);
tuples!(A B C);
tuples!(A B C D);
tuples!(A B C D E);
tuples!(A B C D E F);

impl<P: Permission> Permission for Not<P> {
    const NAME: &'static str = "not";
    const SESSION: SessionMode = P::SESSION;

    fn plan(plan: &mut Plan) {
        P::plan(plan);
    }

    fn describe(rule: &mut String) {
        list(rule, Self::NAME, &[P::describe]);
    }

    fn decide<'a>(scope: &'a Scope<'a>, input: &'a Value) -> BoxFuture<'a, Decision> {
        Box::pin(async move {
            match P::decide(scope, input).await {
                Decision::Allowed => Decision::Denied,
                Decision::Denied => Decision::Allowed,
                Decision::Failed => Decision::Failed,
            }
        })
    }
}

fn list(rule: &mut String, name: &str, parts: &[fn(&mut String)]) {
    rule.push_str(name);
    rule.push('(');
    for (index, describe) in parts.iter().enumerate() {
        if index > 0 {
            rule.push_str(", ");
        }
        describe(rule);
    }
    rule.push(')');
}

/// What the function of a permission can return: `bool`, or a `Result` of it.
#[diagnostic::on_unimplemented(
    message = "a permission returns `bool` or `Result<bool, E>`, not `{Self}`",
    note = "where it fails, the call is not allowed; `E` is any error"
)]
pub trait Verdict {
    /// Whether the call may go on, or why that could not be decided.
    fn verdict(self) -> Result<bool, Undecided>;
}

impl Verdict for bool {
    fn verdict(self) -> Result<bool, Undecided> {
        Ok(self)
    }
}

impl<E: Into<BoxError>> Verdict for Result<bool, E> {
    fn verdict(self) -> Result<bool, Undecided> {
        self.map_err(|error| Undecided(Some(chain(&*error.into()))))
    }
}

/// Why a permission could not decide; nothing to say where it wants a session and the caller has none.
#[derive(Debug)]
pub struct Undecided(Option<String>);

impl From<Problem> for Undecided {
    fn from(problem: Problem) -> Self {
        let no_session = problem.code() == "unauthenticated" && problem.private().is_none();
        Self((!no_session).then(|| problem.private().map_or_else(|| problem.to_string(), str::to_owned)))
    }
}

/// The input as a permission wants it, which may be fewer fields than the function takes.
pub fn input<T: Input>(input: &Value) -> Result<T, Undecided> {
    T::read(input.clone())
        .map_err(|error| Undecided(Some(format!("the input is not what it takes: {}", error.into_violation().detail))))
}

/// How long a permission may take unless it says otherwise.
pub const TIMEOUT_MS: u32 = 5_000;

/// Awaits the function of a permission. Whatever goes wrong, the call is not allowed, and the log says why.
pub async fn decide(
    scope: &Scope<'_>,
    name: &str,
    timeout_ms: u32,
    verdict: BoxFuture<'_, Result<bool, Undecided>>,
) -> Decision {
    let timeout = || Some(scope.platform().sleep(Duration::from_millis(timeout_ms.into())));
    let reason = match contained(verdict, timeout).await {
        Ok(Some(Ok(true))) => return Decision::Allowed,
        Ok(Some(Ok(false))) => return Decision::Denied,
        Ok(Some(Err(Undecided(reason)))) => reason,
        Ok(None) => Some(format!("it took longer than {timeout_ms} ms")),
        Err(panic) => Some(format!("it panicked: {panic}")),
    };
    if let Some(reason) = reason {
        let detail = format!("permission `{name}`: {reason}");
        scope.platform().log(&LogLine {
            function: Some(scope.call().function()),
            call_id: Some(scope.call().id()),
            trace: scope.call().trace(),
            detail: Some(&detail),
            ..LogLine::new(Level::Error, "a permission could not be decided, so the call is not allowed")
        });
    }
    Decision::Failed
}
