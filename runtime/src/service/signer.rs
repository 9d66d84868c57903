//! How messages come to carry who caused them: the type of a message names what signs that.

use super::{Plan, Scope};
use crate::{BoxError, BoxFuture, Platform, platform::OutgoingCall};
use std::{future::ready, sync::Arc};

/// What signs the callers of a message's type, or of the calls of another service: [`Unsigned`], or a service that is a `CallerSigner`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not sign who calls",
    label = "no `CallerSigner`",
    note = "derive `pikku::CallerSigner` on the service, or implement `pikku::service::CallerSigner` for it, of `pikku` with the feature `callers`"
)]
pub trait MessageSigner: 'static {
    /// The services it is.
    #[doc(hidden)]
    const SERVICES: &'static [&'static str];
    /// How many services deep it is.
    #[doc(hidden)]
    const DEPTH: usize;

    #[doc(hidden)]
    fn plan(plan: &mut Plan);

    /// Makes a queue of what sends for the caller of this call.
    #[doc(hidden)]
    fn queue<'s, Q: Send + 's>(
        scope: &'s Scope<'_>,
        make: impl FnOnce(Arc<dyn Platform>) -> Q + Send + 's,
    ) -> BoxFuture<'s, Result<Q, BoxError>>;

    /// What signs the caller of this call; `None` without a caller, or where nothing is signed.
    #[doc(hidden)]
    fn calls<'s>(scope: &'s Scope<'_>) -> BoxFuture<'s, Result<Option<SignCall>, BoxError>>;
}

/// Signs who calls for a call of another service, at a time in milliseconds since the Unix epoch.
pub type SignCall = Box<dyn Fn(&OutgoingCall<'_>, u64) -> Result<String, BoxError> + Send + Sync>;

/// What names no signer says nothing of who caused it.
#[derive(Debug)]
pub enum Unsigned {}

impl MessageSigner for Unsigned {
    const SERVICES: &'static [&'static str] = &[];
    const DEPTH: usize = 0;

    fn plan(_: &mut Plan) {}

    fn queue<'s, Q: Send + 's>(
        scope: &'s Scope<'_>,
        make: impl FnOnce(Arc<dyn Platform>) -> Q + Send + 's,
    ) -> BoxFuture<'s, Result<Q, BoxError>> {
        Box::pin(ready(Ok(make(Arc::clone(scope.platform())))))
    }

    fn calls<'s>(_: &'s Scope<'_>) -> BoxFuture<'s, Result<Option<SignCall>, BoxError>> {
        Box::pin(ready(Ok(None)))
    }
}

#[cfg(feature = "callers")]
mod signed;

#[cfg(feature = "callers")]
pub use signed::CallerSigner;
#[cfg(feature = "callers")]
pub(super) use signed::SendsAs;
