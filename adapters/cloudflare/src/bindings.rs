use crate::{
    missing::{MissingBinding, workers},
    platform::binding_name,
};
use pikku::service::Env;
use wasm_bindgen::JsCast;
use worker::{Bucket, EnvBinding, Fetcher, kv::KvStore};

/// The bindings of a Worker, for services to ask for by their logical names.
///
/// A service that uses one declares it, so that the packager writes it into the Worker's configuration:
///
/// ```ignore
/// use pikku_cloudflare::Bindings as _;
///
/// #[pikku::service(needs = [Need::KeyValue("sessions")])]
/// async fn sessions(env: &Env) -> Result<Sessions, BoxError> {
///     Ok(Sessions(env.kv("sessions")?))
/// }
/// ```
///
/// Variables and secrets are read with [`Env::get`], as everywhere.
pub trait Bindings {
    /// The D1 database of that name, declared with `Need::Database`, as the `worker` crate has it; [`Database`](crate::Database)
    /// is smaller.
    ///
    /// # Errors
    ///
    /// The Worker has no such binding.
    #[cfg(feature = "d1")]
    fn d1(&self, name: &str) -> Result<worker::D1Database, MissingBinding>;

    /// The KV namespace of that name, declared with `Need::KeyValue`.
    ///
    /// # Errors
    ///
    /// The Worker has no such binding.
    fn kv(&self, name: &str) -> Result<KvStore, MissingBinding>;

    /// The R2 bucket of that name, declared with `Need::ReadBucket` or `Need::WriteBucket`.
    ///
    /// # Errors
    ///
    /// The Worker has no such binding.
    fn r2(&self, name: &str) -> Result<Bucket, MissingBinding>;

    /// The Worker of another group of the app, declared with `Need::CallGroup`.
    ///
    /// # Errors
    ///
    /// The Worker has no such binding.
    fn group(&self, name: &str) -> Result<Fetcher, MissingBinding>;

    /// The secret of that name, declared with `Need::ReadSecret`.
    ///
    /// # Errors
    ///
    /// The Worker has no such secret.
    fn secret(&self, name: &str) -> Result<String, MissingBinding>;

    /// Every binding, by its physical name, as the `worker` crate has them.
    ///
    /// # Errors
    ///
    /// The app does not run on Workers.
    fn bindings(&self) -> Result<&worker::Env, MissingBinding>;
}

fn get<T: EnvBinding>(env: &Env, what: &'static str, prefix: &str, logical: &str) -> Result<T, MissingBinding> {
    let name = binding_name(prefix, logical);
    let bindings: &worker::Env = workers(env)?.env.unchecked_ref();
    bindings.get_binding(&name).map_err(|error| MissingBinding::new(what, &name, error))
}

impl Bindings for Env {
    #[cfg(feature = "d1")]
    fn d1(&self, name: &str) -> Result<worker::D1Database, MissingBinding> {
        get(self, "D1 database", "", name)
    }

    fn kv(&self, name: &str) -> Result<KvStore, MissingBinding> {
        let name = binding_name("", name);
        let what = "KV namespace";
        let bindings: &worker::Env = workers(self)?.env.unchecked_ref();
        bindings.kv(&name).map_err(|error| MissingBinding::new(what, &name, error))
    }

    fn r2(&self, name: &str) -> Result<Bucket, MissingBinding> {
        get(self, "R2 bucket", "", name)
    }

    fn group(&self, name: &str) -> Result<Fetcher, MissingBinding> {
        get(self, "service of a group", "GROUP_", name)
    }

    fn secret(&self, name: &str) -> Result<String, MissingBinding> {
        let name = binding_name("", name);
        let value = workers(self)?.binding(&name).and_then(|value| value.as_string());
        value.ok_or_else(|| MissingBinding::new("secret", &name, "it is not set"))
    }

    fn bindings(&self) -> Result<&worker::Env, MissingBinding> {
        workers(self).map(|workers| workers.env.unchecked_ref())
    }
}
