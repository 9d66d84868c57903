//! Business functions as the runtime sees them.
//!
//! `#[pikku::function]` leaves the function as it is and adds a unit type of the same name that implements [`Function`].
//! A wiring names that type; [`invoke`] is the one erased form that the dispatcher calls.

pub use crate::json::ReadError;
use crate::{
    Call, Problem,
    access::Access,
    app::OwnLayers,
    error::Error,
    future::BoxFuture,
    http::Response,
    json,
    service::{Plan, Scope},
    session::SessionMode,
};
use schemars::{JsonSchema, Schema, generate::SchemaSettings, schema_for};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::any::{Any, TypeId};

/// A business function. Implemented by `#[pikku::function]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a function of the app",
    label = "not marked with `#[pikku::function]`",
    note = "write `#[pikku::function]` above `async fn {Self}` and import it here"
)]
pub trait Function: Send + Sync + 'static {
    /// The name: that of the Rust function. Unique in the app.
    const NAME: &'static str;
    /// What the source says of it; used when the app describes itself, absent from bundles.
    const META: Meta;
    /// What it demands of the caller.
    const SESSION: SessionMode;
    /// What else it says of who may call it.
    const ACCESS: Access = Access::NONE;
    /// Its tags: what applies to several functions is attached to them.
    const TAGS: &'static [&'static str] = &[];
    /// How long a call may take, in milliseconds; `None` where only the platform says.
    const TIMEOUT_MS: Option<u32> = None;
    /// What it takes; `()` for nothing.
    type Input: Input;
    /// What it answers.
    type Output: Output;
    /// How it fails.
    type Error: Error;

    /// Adds the services it asks for, and theirs, to the plan.
    fn plan(plan: &mut Plan);

    /// Attaches its own permissions and middleware.
    fn layers(_: &mut OwnLayers<'_>) {}

    /// Gets its services, calls it and writes what it returned.
    fn call<'a>(scope: &'a Scope<'a>, input: Self::Input) -> Invoked<'a>;
}

/// What the source says of a function.
#[derive(Clone, Copy, Debug)]
pub struct Meta {
    /// The doc comment, its lines joined by newlines.
    pub description: &'static str,
    /// The path of its module.
    pub module: &'static str,
    /// The file it is written in.
    pub file: &'static str,
    /// Its line.
    pub line: u32,
    /// The names of the services it asks for, in the order of its parameters.
    pub services: &'static [&'static str],
}

/// What a function can take.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the input of a function",
    label = "a function's input is read from JSON and described by a schema",
    note = "derive both on the type: `#[derive(serde::Deserialize, schemars::JsonSchema)]`",
    note = "a parameter taken by reference, `&{Self}`, is a service instead"
)]
pub trait Input: Sized + Send + 'static {
    /// Reads it. The parts are methods and not supertraits, for the compiler then says the above of a type without them.
    #[doc(hidden)]
    fn read(value: Value) -> Result<Self, ReadError>;

    /// Describes it.
    #[doc(hidden)]
    fn schema() -> Schema;
}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned + JsonSchema + Send + 'static> Input for T {
    fn read(value: Value) -> Result<Self, ReadError> {
        json::from_value(value)
    }

    fn schema() -> Schema {
        schema_for!(T)
    }
}

/// What a function can answer.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the output of a function",
    label = "a function's output is written as JSON and described by a schema",
    note = "derive both on the type: `#[derive(serde::Serialize, schemars::JsonSchema)]`"
)]
pub trait Output: Sized + Send + 'static {
    /// Writes it.
    #[doc(hidden)]
    fn write(&self) -> Result<Vec<u8>, serde_json::Error>;

    /// Describes it.
    #[doc(hidden)]
    fn schema() -> Schema;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + JsonSchema + Send + 'static> Output for T {
    fn write(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    fn schema() -> Schema {
        // What is written may differ from what is read.
        SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>()
    }
}

/// What a function returns: a `Result` whose error is part of the contract.
#[diagnostic::on_unimplemented(
    message = "a function returns `Result<T, E>`, not `{Self}`",
    label = "not a `Result`",
    note = "where nothing can fail, return `Result<T, std::convert::Infallible>`"
)]
pub trait Return {
    /// The answer.
    type Output: Output;
    /// The error.
    type Error: Error;

    /// The `Result` itself.
    fn into_result(self) -> Result<Self::Output, Self::Error>;
}

impl<T: Output, E: Error> Return for Result<T, E> {
    type Output = T;
    type Error = E;

    fn into_result(self) -> Self {
        self
    }
}

/// What a function returned: its output written, or its error as the envelope carries it.
pub fn outcome<F: Function>(returned: Result<F::Output, F::Error>) -> Result<Reply, Problem> {
    reply(returned.map_err(Error::into_problem)?).map_err(|error| Problem::unwritable_output(F::NAME, &error))
}

/// What an erased function answered.
#[derive(Debug)]
pub enum Reply {
    /// Nothing.
    Empty,
    /// A JSON text.
    Json(Vec<u8>),
    /// A response with a status, headers and a body of its own.
    Response(Box<Response>),
}

impl From<Response> for Reply {
    fn from(response: Response) -> Self {
        Self::Response(Box::new(response))
    }
}

/// The erased form of a function.
pub type Invoke = for<'a> fn(&'a Scope<'a>, Value) -> Result<Invoked<'a>, ReadError>;

/// A function that has been called, with its output written.
pub type Invoked<'a> = BoxFuture<'a, Result<Reply, Problem>>;

/// Reads the input and calls the function.
///
/// `input` is what assembly and validation let through; [`Value::Null`] for a function that takes nothing.
///
/// # Errors
///
/// The type of the input refuses what its schema allows.
pub fn invoke<'a, F: Function>(scope: &'a Scope<'a>, input: Value) -> Result<Invoked<'a>, ReadError> {
    let input = match nothing::<F::Input>() {
        Some(nothing) => nothing,
        None => F::Input::read(input)?,
    };
    Ok(F::call(scope, input))
}

/// The value of `T` where `T` is `()`.
fn nothing<T: 'static>() -> Option<T> {
    (&mut Some(()) as &mut dyn Any).downcast_mut::<Option<T>>().and_then(Option::take)
}

fn reply<T: Output>(output: T) -> Result<Reply, serde_json::Error> {
    // Decided by the type when the code is generated: no instance carries the other arms.
    if TypeId::of::<T>() == TypeId::of::<()>() {
        return Ok(Reply::Empty);
    }
    if TypeId::of::<T>() == TypeId::of::<Response>() {
        let mut output = Some(output);
        let response = (&mut output as &mut dyn Any).downcast_mut::<Option<Response>>().and_then(Option::take);
        return Ok(response.map_or(Reply::Empty, |response| Reply::Response(Box::new(response))));
    }
    output.write().map(Reply::Json)
}

/// Whether a function takes no input.
pub(crate) fn takes_nothing<F: Function>() -> bool {
    TypeId::of::<F::Input>() == TypeId::of::<()>()
}

/// The errors of a function.
#[cfg(feature = "introspect")]
pub(crate) fn error_cases<F: Function>() -> &'static [crate::ErrorCase] {
    <F::Error as Error>::CASES
}

/// What a parameter that is neither a service nor the input is made from.
pub trait FromCall<'a>: Sized {
    /// What the parameter demands of the caller.
    const SESSION: SessionMode;

    /// The value for this call.
    fn from_call(call: &'a Call) -> Result<Self, Problem>;
}

impl<'a> FromCall<'a> for &'a Call {
    const SESSION: SessionMode = SessionMode::None;

    fn from_call(call: &'a Call) -> Result<Self, Problem> {
        Ok(call)
    }
}
