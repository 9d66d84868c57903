use super::{Construct, Container, Handle, Plan, Scope, Service, Singleton};
use crate::{BoxError, Platform, Problem, Secret, error::chain, future::BoxFuture};
use std::{
    collections::BTreeMap,
    fmt,
    future::{Future, ready},
    sync::{Arc, Mutex, PoisonError},
};

/// How long a secret is taken as it was read.
const FRESH_MS: u64 = 5 * 60 * 1_000;
/// How long one that cannot be read again is used.
const STALE_MS: u64 = 60 * 60 * 1_000;

/// The secrets of the platform, for a service that wants them as they are now: one that is rotated is there after five minutes.
///
/// What is read once, before the first call, is a setting of [`macro@Config`](macro@crate::Config) instead. The service that
/// asks for this says which secrets it reads:
///
/// ```
/// use pikku::{BoxError, Need, Secret, service::Secrets};
///
/// pub struct Payments(Secrets);
///
/// #[pikku::service(needs = [Need::ReadSecret("payments/key")])]
/// fn payments(secrets: &Secrets) -> Payments {
///     Payments(secrets.clone())
/// }
///
/// impl Payments {
///     async fn key(&self) -> Result<Secret<String>, BoxError> {
///         Ok(self.0.read("payments/key").await?)
///     }
/// }
/// ```
///
/// A secret that cannot be read again is used for another hour.
#[derive(Clone)]
pub struct Secrets(Arc<Inner>);

struct Inner {
    platform: Arc<dyn Platform>,
    kept: Mutex<BTreeMap<String, Kept>>,
}

struct Kept {
    secret: Secret<String>,
    read_ms: u64,
}

/// A secret is not there, or cannot be read.
#[derive(Debug)]
pub struct SecretError(String);

impl fmt::Display for SecretError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for SecretError {}

impl fmt::Debug for Secrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Secrets").field("platform", &self.0.platform).finish_non_exhaustive()
    }
}

impl Secrets {
    /// The secret of that name.
    ///
    /// # Errors
    ///
    /// There is none, or it cannot be read and has not been for an hour.
    pub async fn read(&self, name: &str) -> Result<Secret<String>, SecretError> {
        let now_ms = self.0.platform.now_ms();
        let kept = |for_ms: u64| {
            let kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner);
            let young = kept.get(name).filter(|kept| now_ms < kept.read_ms.saturating_add(for_ms));
            young.map(|kept| kept.secret.clone())
        };
        if let Some(secret) = kept(FRESH_MS) {
            return Ok(secret);
        }
        match self.0.platform.secret(name).await {
            Ok(Some(secret)) => {
                let read = Kept { secret: secret.clone(), read_ms: now_ms };
                self.0.kept.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), read);
                Ok(secret)
            }
            // One that was taken away is not used any more.
            Ok(None) => {
                self.0.kept.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
                Err(SecretError(format!("the secret `{name}` is not set")))
            }
            Err(error) => kept(STALE_MS)
                .ok_or_else(|| SecretError(format!("the secret `{name}` cannot be read: {}", chain(&*error)))),
        }
    }
}

impl Service for Secrets {
    type Lifetime = Singleton;
    const NAME: &'static str = "Secrets";
    const DEPTH_OF_THE_SERVICES_BELOW: usize = 0;

    fn plan(plan: &mut Plan) {
        plan.singleton::<Self>(|_| {});
    }

    fn get<'s>(scope: &'s Scope<'_>) -> impl Future<Output = Result<Handle<'s, Self>, Problem>> + Send {
        ready(Ok(scope.singleton()))
    }
}

impl Construct for Secrets {
    fn construct(container: &Container) -> BoxFuture<'_, Result<Self, BoxError>> {
        let inner = Inner { platform: Arc::clone(container.platform()), kept: Mutex::default() };
        Box::pin(ready(Ok(Self(Arc::new(inner)))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::{LogLine, OutgoingMessage};
    use std::time::Duration;

    /// A place of secrets that tests change.
    #[derive(Debug, Default)]
    struct Place {
        now_ms: Mutex<u64>,
        secret: Mutex<Option<Result<&'static str, &'static str>>>,
        reads: Mutex<u32>,
    }

    impl Platform for Place {
        fn now_ms(&self) -> u64 {
            *self.now_ms.lock().unwrap()
        }

        fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
            Box::pin(ready(()))
        }

        fn env(&self, _: &str) -> Option<String> {
            None
        }

        fn secret<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Option<Secret<String>>, BoxError>> {
            *self.reads.lock().unwrap() += 1;
            let secret = self.secret.lock().unwrap().transpose().map_err(Into::into);
            Box::pin(ready(secret.map(|text| text.map(|text| Secret::new(text.to_owned())))))
        }

        fn send<'a>(&'a self, _: OutgoingMessage<'a>) -> BoxFuture<'a, Result<(), BoxError>> {
            Box::pin(ready(Ok(())))
        }

        fn log(&self, _: &LogLine<'_>) {}
    }

    #[tokio::test]
    async fn a_secret_is_read_again_after_five_minutes_and_used_for_an_hour_where_it_cannot() {
        let place = Arc::new(Place::default());
        let platform: Arc<dyn Platform> = place.clone();
        let secrets = Secrets(Arc::new(Inner { platform, kept: Mutex::default() }));
        let at = |minute: u64, secret| {
            *place.now_ms.lock().unwrap() = minute * 60_000;
            *place.secret.lock().unwrap() = secret;
        };
        let read = async || {
            let read = secrets.read("key").await;
            (read.map(Secret::into_exposed).map_err(|error| error.to_string()), *place.reads.lock().unwrap())
        };
        let good = |text: &str, reads| (Ok::<_, String>(text.to_owned()), reads);
        at(0, Some(Ok("old")));
        assert_eq!(read().await, good("old", 1));
        at(4, Some(Ok("new")));
        assert_eq!(read().await, good("old", 1));
        at(5, Some(Ok("new")));
        assert_eq!(read().await, good("new", 2));
        at(64, Some(Err("it is away")));
        assert_eq!(read().await, good("new", 3));
        at(65, Some(Err("it is away")));
        assert_eq!(read().await.0.unwrap_err(), "the secret `key` cannot be read: it is away");
        at(66, Some(Ok("newer")));
        assert_eq!(read().await.0.unwrap(), "newer");
        at(72, None);
        assert_eq!(read().await.0.unwrap_err(), "the secret `key` is not set");
        at(73, Some(Err("it is away")));
        assert!(read().await.0.is_err(), "what was taken away is forgotten");
        assert!(!format!("{secrets:?}").contains("newer"));
    }
}
