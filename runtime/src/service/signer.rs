//! How messages come to carry who caused them: the type of a message names what signs that.

use super::{Plan, Scope};
use crate::{BoxError, BoxFuture, Platform};
use std::{future::ready, sync::Arc};

/// What signs the callers of a message's type: [`Unsigned`], or a service that is a `CallerSigner`.
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
}

/// Messages of a type that names no signer say nothing of who caused them.
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
}

#[cfg(feature = "callers")]
mod signed;

#[cfg(feature = "callers")]
pub use signed::CallerSigner;
#[cfg(feature = "callers")]
pub(super) use signed::SendsAs;
