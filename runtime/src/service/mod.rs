//! Services: what functions ask for by type.
//!
//! A service is a type with one constructor, marked `#[pikku::service]`, which names the services it needs in turn.
//! The compiler resolves the graph through [`Service`]: a parameter `&Db` whose type has no constructor does not
//! compile, and neither does a cycle. A service that no function of a bundle reaches is not linked.
//!
//! | lifetime | built | constructor |
//! |---|---|---|
//! | [`Singleton`] | once, before the first event; independent ones at the same time | `#[pikku::service]` |
//! | [`PerCall`] | once for each call that reaches it | `#[pikku::service(per_call)]` |

mod builtin;
mod container;
mod plan;
mod queue;
mod queues;
mod scope;
mod secrets;
mod signer;

use crate::{BoxError, Problem, future::BoxFuture};
pub use builtin::{Clock, Env};
pub use container::Container;
pub use plan::Plan;
pub use queue::{Draft, Message, Queue};
pub use queues::{Queues, SendError};
pub use scope::{Handle, Scope};
pub use secrets::{SecretError, Secrets};
#[cfg(feature = "callers")]
pub use signer::CallerSigner;
pub use signer::{MessageSigner, SignCall, Unsigned};
use std::future::Future;

/// Something a function asks for by type, `&T`. Implemented by `#[pikku::service]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a service",
    label = "no constructor makes this service",
    note = "write one beside the type: `#[pikku::service] async fn name(/* other services by reference */) -> Result<{Self}, pikku::BoxError>`",
    note = "a parameter taken by value, `{Self}`, is the function's input instead"
)]
pub trait Service: Sized + Send + Sync + 'static {
    /// How long a value lives: [`Singleton`] or [`PerCall`].
    type Lifetime: Lifetime;
    /// The name: that of the type.
    const NAME: &'static str;
    /// What it must be allowed to do outside the process.
    const NEEDS: &'static [Need] = &[];
    /// Whether it is closed when the process ends.
    const CLOSES: bool = false;
    /// The names of the services its constructor asks for.
    const DEPENDS_ON: &'static [&'static str] = &[];
    /// How many services deep the longest chain below it is. Its constant evaluation refuses a cycle.
    const DEPTH_OF_THE_SERVICES_BELOW: usize;

    /// The schema of the messages that it sends, where it is a [`Queue`].
    #[doc(hidden)]
    fn message() -> Option<schemars::Schema> {
        None
    }

    /// Adds it and the services it needs to the plan.
    fn plan(plan: &mut Plan);

    /// The value for this call.
    fn get<'s>(scope: &'s Scope<'_>) -> impl Future<Output = Result<Handle<'s, Self>, Problem>> + Send;
}

/// A service that is built once. Implemented by `#[pikku::service]`.
pub trait Construct: Service<Lifetime = Singleton> {
    /// Builds it from the services in the container, which hold all it asks for.
    fn construct(container: &Container) -> BoxFuture<'_, Result<Self, BoxError>>;

    /// Closes it when the process ends, after every service that needs it.
    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// A service that is built for each call. Implemented by `#[pikku::service(per_call)]`.
pub trait ConstructPerCall: Service<Lifetime = PerCall> {
    /// Builds it for this call.
    fn construct<'s>(scope: &'s Scope<'_>) -> BoxFuture<'s, Result<Self, BoxError>>;
}

/// How long a service lives; [`Singleton`] or [`PerCall`].
pub trait Lifetime: sealed::Sealed {
    /// Whether one value serves every call.
    const SINGLETON: bool;
}

/// A lifetime that outlasts every call: what a singleton can ask for.
#[diagnostic::on_unimplemented(
    message = "a singleton cannot ask for a per-call service",
    label = "this service ends with its call",
    note = "make the service that asks for it per-call too: `#[pikku::service(per_call)]`",
    note = "or make this one a singleton: drop `per_call` above its constructor"
)]
pub trait OutlastsCalls: Lifetime {}

impl OutlastsCalls for Singleton {}

/// The lifetime of a service that is built once, before the first event.
#[derive(Debug)]
pub enum Singleton {}

/// The lifetime of a service that is built once for each call that reaches it.
#[derive(Debug)]
pub enum PerCall {}

impl Lifetime for Singleton {
    const SINGLETON: bool = true;
}

impl Lifetime for PerCall {
    const SINGLETON: bool = false;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Singleton {}
    impl Sealed for super::PerCall {}
}

/// Something a service must be allowed to do outside its process; declared with
/// `#[pikku::service(needs = [Need::ReadTable("orders")])]`.
///
/// A bundle is granted what the services it reaches declare and no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Need {
    /// Send messages to the queue of that name.
    SendToQueue(&'static str),
    /// Publish to the topic of that name.
    PublishToTopic(&'static str),
    /// Put events on the event bus of that name; `default` is the account's own.
    PutEvents(&'static str),
    /// Read objects of the bucket of that name.
    ReadBucket(&'static str),
    /// Write and delete objects of the bucket of that name.
    WriteBucket(&'static str),
    /// Read items of the table of that name.
    ReadTable(&'static str),
    /// Write and delete items of the table of that name.
    WriteTable(&'static str),
    /// Put records on the stream of that name.
    PutToStream(&'static str),
    /// Read the secret of that name.
    ReadSecret(&'static str),
    /// Read the configuration parameter of that name.
    ReadParameter(&'static str),
    /// Have the environment variable of that name set.
    Variable(&'static str),
    /// Read the environment variable of that name where it is set.
    OptionalVariable(&'static str),
    /// Use the database of that name that the platform binds to the bundle, such as Cloudflare's D1. Where the platform
    /// has none, nothing is granted.
    Database(&'static str),
    /// Use the key-value store of that name that the platform binds to the bundle, such as Cloudflare's KV. Where the
    /// platform has none, nothing is granted.
    KeyValue(&'static str),
    /// Call the group of that name.
    CallGroup(&'static str),
}

/// The greater of the depths, plus one: what a service's constructor adds to those it asks for.
pub const fn depth_above<const N: usize>(depths: [usize; N]) -> usize {
    let mut deepest = 0;
    let mut index = 0;
    while index < N {
        if depths[index] > deepest {
            deepest = depths[index];
        }
        index += 1;
    }
    deepest + 1
}

/// Builds a singleton; the one erased form, by whose symbol a bundle is proved to hold the service.
pub(crate) fn build<'a, T: Construct>(
    container: &'a Container,
) -> BoxFuture<'a, Result<Box<container::Value>, BoxError>> {
    Box::pin(async move { Ok(Box::new(T::construct(container).await?) as Box<container::Value>) })
}

/// Closes a singleton.
pub(crate) fn close<T: Construct>(value: &container::Value) -> Option<BoxFuture<'_, ()>> {
    value.downcast_ref::<T>().map(T::close)
}
