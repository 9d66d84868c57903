//! The services that every app has: the surroundings, through the platform.

use super::{Construct, Container, Handle, Plan, Scope, Service, Singleton};
use crate::{BoxError, Platform, Problem, future::BoxFuture};
use std::{
    future::{Future, ready},
    sync::Arc,
};

/// The environment variables, read through the platform.
#[derive(Debug, Clone)]
pub struct Env(Arc<dyn Platform>);

impl Env {
    /// The value of a variable; `None` where it is not set or is not Unicode.
    pub fn get(&self, name: &str) -> Option<String> {
        self.0.env(name)
    }

    /// What the app runs on, for an adapter's extension of this type.
    pub fn platform(&self) -> &dyn Platform {
        &*self.0
    }
}

/// The clock, read through the platform.
#[derive(Debug, Clone)]
pub struct Clock(Arc<dyn Platform>);

impl Clock {
    /// Milliseconds since the Unix epoch.
    pub fn now_ms(&self) -> u64 {
        self.0.now_ms()
    }
}

macro_rules! of_the_platform {
    ($($service:ident),*) => {$(
        impl Service for $service {
            type Lifetime = Singleton;
            const NAME: &'static str = stringify!($service);
            const DEPTH_OF_THE_SERVICES_BELOW: usize = 0;

            fn plan(plan: &mut Plan) {
                plan.singleton::<Self>(|_| {});
            }

            fn get<'s>(scope: &'s Scope<'_>) -> impl Future<Output = Result<Handle<'s, Self>, Problem>> + Send {
                ready(Ok(scope.singleton()))
            }
        }

        impl Construct for $service {
            fn construct(container: &Container) -> BoxFuture<'_, Result<Self, BoxError>> {
                Box::pin(ready(Ok(Self(Arc::clone(container.platform())))))
            }
        }
    )*};
}

of_the_platform!(Env, Clock);
