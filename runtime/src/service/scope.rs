use super::{Construct, ConstructPerCall, Container, Service};
use crate::{Call, Platform, Problem};
use std::{
    any::{Any, TypeId},
    fmt,
    ops::Deref,
    sync::{Arc, Mutex, PoisonError},
};

/// The services of one call.
pub struct Scope<'a> {
    container: &'a Container,
    call: &'a Call,
    per_call: Mutex<Vec<(TypeId, Arc<dyn Any + Send + Sync>)>>,
}

impl fmt::Debug for Scope<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Scope").field("call", self.call).finish_non_exhaustive()
    }
}

impl<'a> Scope<'a> {
    pub(crate) fn new(container: &'a Container, call: &'a Call) -> Self {
        Self { container, call, per_call: Mutex::new(Vec::new()) }
    }

    /// The same call without the per-call services that were built for it.
    pub(crate) fn anew(&self) -> Self {
        Self::new(self.container, self.call)
    }

    /// What the app runs on.
    pub fn platform(&self) -> &Arc<dyn Platform> {
        self.container.platform()
    }

    /// The call.
    pub fn call(&self) -> &Call {
        self.call
    }

    /// A singleton.
    pub fn singleton<T: Construct>(&self) -> Handle<'_, T> {
        Handle::Shared(self.container.get())
    }

    /// A per-call service: the one this call already has, or a new one.
    pub async fn per_call<T: ConstructPerCall>(&self) -> Result<Handle<'_, T>, Problem> {
        if let Some(known) = self.known::<T>() {
            return Ok(Handle::PerCall(known));
        }
        let built = T::construct(self).await.map_err(|error| match error.downcast::<Problem>() {
            // A problem is for the caller as it is: the constructor's own, or that of a service it asked for.
            Ok(problem) => *problem,
            Err(error) => Problem::service_failed(T::NAME, &*error),
        })?;
        let built = Arc::new(built);
        self.per_call
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((TypeId::of::<T>(), Arc::clone(&built) as Arc<dyn Any + Send + Sync>));
        Ok(Handle::PerCall(built))
    }

    fn known<T: Service>(&self) -> Option<Arc<T>> {
        let per_call = self.per_call.lock().unwrap_or_else(PoisonError::into_inner);
        let known = per_call.iter().find(|(id, _)| *id == TypeId::of::<T>()).map(|(_, value)| value);
        let value = known.or_else(|| self.container.provided(TypeId::of::<T>()))?;
        Arc::clone(value).downcast().ok()
    }
}

/// A service as a call holds it.
#[derive(Debug)]
pub enum Handle<'s, T> {
    /// One value for every call.
    Shared(&'s T),
    /// This call's own.
    PerCall(Arc<T>),
}

impl<T> Deref for Handle<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        match self {
            Self::Shared(value) => value,
            Self::PerCall(value) => value,
        }
    }
}
