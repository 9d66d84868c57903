use crate::Remote;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use pikku::{
    __private::Text,
    BoxError, BoxFuture, Function, Need, Problem, Service,
    http::{
        rpc_path,
        transport::{Transport, base_url},
    },
    service::{Construct, Container, Env, Handle, Plan, Scope, Singleton},
};
use std::{
    fmt,
    future::{Future, ready},
    marker::PhantomData,
    sync::Arc,
};

/// Where another service is, and how to get there: a service of its own, so that tests put another in its place.
pub struct Endpoint<R> {
    base: Arc<str>,
    transport: Arc<dyn Transport>,
    remote: PhantomData<fn() -> R>,
}

impl<R: Remote> Endpoint<R> {
    const NAMED: &'static Text<128> = &Text::new().with("Endpoint<").with(R::NAME).with(">");

    /// A service at this base URL.
    ///
    /// # Errors
    ///
    /// It is no URL of http or https with a host, or has more than a path, or what is said there could be read by others.
    pub fn new(url: &str, transport: impl Transport) -> Result<Self, BoxError> {
        Ok(Self { base: base_url(url, R::IN_THE_CLEAR)?.into(), transport: Arc::new(transport), remote: PhantomData })
    }

    /// The URL of a function there.
    pub(crate) fn url<F: Function>(&self) -> String {
        let path = rpc_path::<F>();
        // Only what is not ASCII in a name of Rust has to be.
        let path = if path.is_ascii() { path.into() } else { encoded(path) };
        format!("{}{path}", self.base)
    }

    pub(crate) fn transport(&self) -> &dyn Transport {
        &*self.transport
    }
}

fn encoded(path: &str) -> std::borrow::Cow<'_, str> {
    path.split('/')
        .map(|segment| utf8_percent_encode(segment, NON_ALPHANUMERIC).to_string())
        .collect::<Vec<_>>()
        .join("/")
        .into()
}

impl<R> Clone for Endpoint<R> {
    fn clone(&self) -> Self {
        Self { base: Arc::clone(&self.base), transport: Arc::clone(&self.transport), remote: PhantomData }
    }
}

impl<R> fmt::Debug for Endpoint<R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Endpoint").field("base", &self.base).finish_non_exhaustive()
    }
}

impl<R: Remote> Service for Endpoint<R> {
    type Lifetime = Singleton;
    const NAME: &'static str = Self::NAMED.as_str();
    const NEEDS: &'static [Need] = &[Need::Variable(R::URL)];
    const DEPENDS_ON: &'static [&'static str] = &[Env::NAME];
    const DEPTH_OF_THE_SERVICES_BELOW: usize = 1;

    fn plan(plan: &mut Plan) {
        plan.singleton::<Self>(Env::plan);
    }

    fn get<'s>(scope: &'s Scope<'_>) -> impl Future<Output = Result<Handle<'s, Self>, Problem>> + Send {
        ready(Ok(scope.singleton()))
    }
}

impl<R: Remote> Construct for Endpoint<R> {
    fn construct(container: &Container) -> BoxFuture<'_, Result<Self, BoxError>> {
        let made = match container.platform().env(R::URL) {
            Some(url) => Self::new(&url, R::Transport::default())
                .map_err(|error| format!("the URL in the variable {} cannot be called: {error}", R::URL).into()),
            None => Err(format!("the variable {} is not set: it has the base URL of `{}`", R::URL, R::NAME).into()),
        };
        Box::pin(ready(made))
    }
}
