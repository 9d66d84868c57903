//! The server around the service: it listens, accepts, and ends.

use crate::{
    AppService, Limits, ServeError,
    connection::Connections,
    layers::Layers,
    log,
    queues::{Feeds, Outbox, Store, Work},
    settings::Settings,
    stop::{Signals, Stop},
};
use pikku::{App, Kinds, Selection};
use pikku_tower::HttpLayer;
use std::{future::Future, io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{net::TcpListener, sync::Semaphore, time::timeout};

/// What the store of the queues feeds.
const FED: Kinds = Kinds::QUEUE.with(Kinds::CRON);

/// How long connections may take to end that are told to end at once, and then services to close.
const LAST: Duration = Duration::from_secs(5);

/// Serves an app until SIGTERM or SIGINT: over HTTP/1.1 and HTTP/2, within limits, with health and readiness.
///
/// Its settings are the environment variables that [`Server::environment`] lists. Where nothing listens to `tracing` yet,
/// lines of the log go to standard error.
///
/// # Errors
///
/// Why it could not begin.
pub async fn serve<S: Selection>(app: App<S>) -> Result<(), ServeError> {
    let (listening, server) = match (log::listen(), Server::new(app).environment()) {
        (Ok(listening), server) => (listening, server),
        // Nothing listens yet.
        (Err(error), Ok(_)) => return Err(error),
        (Err(one), Err(two)) => return Err(one.beside(two)),
    };
    let ended = match server {
        Ok(server) => server.serve().await,
        Err(error) => Err(error),
    };
    listening.finish().await;
    ended
}

/// A server that is being prepared.
#[derive(Debug)]
#[must_use = "a server does nothing until it serves"]
pub struct Server<S> {
    app: App<S>,
    settings: Settings,
    listener: Option<std::net::TcpListener>,
    stop: Option<Stop>,
    layers: Layers,
    #[cfg(feature = "engines")]
    engine: Option<Arc<dyn pikku_engines::QueueEngine>>,
    outboxes: Vec<Outbox>,
}

impl<S: Selection> Server<S> {
    /// A server of that app: on `127.0.0.1:8080`, with the default limits, alive at `/healthz` and ready at `/readyz`.
    pub fn new(app: App<S>) -> Self {
        Self {
            app,
            settings: Settings::default(),
            listener: None,
            stop: None,
            layers: Layers::default(),
            #[cfg(feature = "engines")]
            engine: None,
            outboxes: Vec::new(),
        }
    }

    /// Takes settings from the environment:
    ///
    #[doc = include_str!("docs/settings.md")]
    ///
    /// # Errors
    ///
    /// The variables that are not what they should be, all of them.
    pub fn environment(mut self) -> Result<Self, ServeError> {
        self.settings.read(|name| std::env::var(name).ok())?;
        Ok(self)
    }

    /// Listens at this address, such as `0.0.0.0:8080`; port 0 is a free one.
    pub fn address(mut self, address: impl ToString) -> Self {
        self.settings.address = address.to_string();
        self
    }

    /// Takes connections from a socket that listens already, such as one that another process has handed over; its address is
    /// the server's then.
    pub fn listener(mut self, listener: std::net::TcpListener) -> Self {
        self.listener = Some(listener);
        self
    }

    /// Keeps to these limits.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.settings.limits = limits;
        self
    }

    /// So many proxies stand before it, each of which adds the address it sees to `X-Forwarded-For`: the client's address is
    /// what the outermost of them saw, and the id of a request is that of its `X-Request-Id`, where it has one that is
    /// well-formed: up to 128 letters, digits and `-._~+/=:@`. With none, which is the default, both headers are the client's
    /// own and count for nothing. A proxy is to set `X-Request-Id` itself, whatever the client says.
    pub fn behind(mut self, proxies: usize) -> Self {
        self.settings.proxies = proxies;
        self
    }

    /// Puts a layer of tower around the app: every request that comes over a connection goes through it, all but those for
    /// health and readiness, while messages and runs of schedules do not. A further layer goes around those before. A layer
    /// that fails is answered with `500`, and the log has the reason. One that is written for axum takes axum's bodies:
    /// `tower::util::MapRequestLayer` before it puts `axum::body::Body::new` around ours. Layers that are to go wherever the app goes
    /// it names itself, by `pikku_tower::TowerLayers`; these stand around them.
    ///
    /// ```
    /// # use pikku::{All, App, Selection, http::get};
    /// # #[pikku::function(public)]
    /// # async fn hello() -> Result<String, pikku::Problem> { Ok("hello".to_owned()) }
    /// # #[derive(pikku::Group)] struct Hello;
    /// # fn app<S: Selection>() -> App<S> { App::new().group::<Hello>(|g| g.http::<hello>(get("/hello"))) }
    /// use http::{HeaderValue, header::SERVER};
    /// use tower_http::set_header::SetResponseHeaderLayer;
    ///
    /// let name = SetResponseHeaderLayer::overriding(SERVER, HeaderValue::from_static("shop"));
    /// let server = pikku_server::Server::new(app::<All>()).layer(name);
    /// ```
    pub fn layer(mut self, layer: impl HttpLayer + Send + 'static) -> Self {
        self.layers.add(layer);
        self
    }

    /// Says at this path that it is alive, or nowhere. A route of the app for the same path goes before it.
    pub fn alive_at(mut self, path: Option<&str>) -> Self {
        self.settings.health.live = path.map(str::to_owned);
        self
    }

    /// Says at this path whether it takes requests, or nowhere. A route of the app for the same path goes before it.
    pub fn ready_at(mut self, path: Option<&str>) -> Self {
        self.settings.health.ready = path.map(str::to_owned);
        self
    }

    /// Keeps queues and schedules in the store of that address, such as `sqlite:pikku.db`.
    pub fn queues(mut self, address: impl ToString) -> Self {
        self.settings.queues.store = address.to_string();
        self
    }

    /// Keeps queues and schedules in a store that is open already.
    #[cfg(feature = "engines")]
    pub fn engine(mut self, engine: Arc<dyn pikku_engines::QueueEngine>) -> Self {
        self.engine = Some(engine);
        self
    }

    /// Sends what transactions of the app have put into this outbox, once they are committed. The function that places an order
    /// adds the message in the transaction that writes the order, so that there is never one without the other:
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use pikku_engines::{NewMessage, SqliteOutbox};
    ///
    /// let mut connection = rusqlite::Connection::open_in_memory()?;
    /// SqliteOutbox::create(&connection)?;
    /// let transaction = connection.transaction()?;
    /// // … write the order; then:
    /// SqliteOutbox::add(&transaction, &NewMessage::new("orders-placed", r#"{"id":7}"#))?;
    /// transaction.commit()?;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "engines")]
    pub fn outbox(mut self, outbox: Arc<dyn pikku_engines::OutboxStore>) -> Self {
        self.outboxes.push(outbox);
        self
    }

    /// Whether it takes messages and runs schedules, which it does unless this says otherwise: an instance that does not can
    /// still send.
    pub fn consumes(mut self, consumes: bool) -> Self {
        self.settings.queues.consumes = consumes;
        self
    }

    /// So many calls of one queue at a time in this instance: 16 unless it is said. The wiring's concurrency is over all
    /// instances.
    pub fn queue_calls(mut self, calls: usize) -> Self {
        self.settings.queues.calls = calls;
        self
    }

    /// How long a message or a run of a schedule may take: 15 minutes unless it is said.
    pub fn message_time(mut self, time: Duration) -> Self {
        self.settings.queues.message_time = time;
        self
    }

    /// Stops when this completes, instead of at a signal.
    pub fn until(mut self, stop: impl Future<Output = ()> + Send + 'static) -> Self {
        self.stop = Some(Stop::Given(Box::pin(stop)));
        self
    }

    /// Listens, and starts the app. Connections wait until [`Bound::serve`].
    ///
    /// # Errors
    ///
    /// Why it could not begin.
    pub async fn bind(self) -> Result<Bound, ServeError> {
        let store = Arc::new(self.store());
        let Self { app, settings, listener, stop, layers, outboxes, .. } = self;
        let Settings { address, limits, health, proxies, queues } = settings;
        let failed = |source| ServeError::address(&address, source);
        // Before the services are built, for which a second process on one port would have no use.
        let listener = match listener {
            Some(listener) => {
                listener.set_nonblocking(true).and_then(|()| TcpListener::from_std(listener)).map_err(failed)?
            }
            None => TcpListener::bind(&address).await.map_err(failed)?,
        };
        let address = listener.local_addr().map_err(failed)?;
        let stop = match stop {
            Some(stop) => stop,
            None => Stop::Signals(Signals::listen().map_err(ServeError::process("listen to signals"))?),
        };
        let feeds = if const { S::KINDS.has_any(FED) } { Feeds::of(&app) } else { Feeds::default() };
        // A selection that does not say what it holds may send nothing: its store is opened with the first message.
        let relays = !outboxes.is_empty() || !queues.outboxes.is_empty();
        if relays || !feeds.is_empty() || (S::SENDS && S::FUNCTIONS.is_some()) {
            store.open().await?;
        }
        let service = AppService::start_with(app, limits, Arc::clone(&store)).await.map_err(ServeError::App)?;
        let taken = if queues.consumes { feeds.clone() } else { Feeds::default() };
        let work = match taken.is_empty() && !relays {
            true => None,
            false => Some(Work::prepare(&service, &store, &taken, &queues, outboxes).await?),
        };
        let health = health.beside(&service);
        let unfed: Vec<&str> = service.engine().source_ids().filter(|id| !feeds.has(id)).collect();
        if !unfed.is_empty() {
            tracing::warn!("nothing feeds these sources on a plain server: {}", unfed.join(", "));
        }
        let layered = layers.around(&service);
        let connections = Arc::new(Connections::new(service, layered, health, proxies));
        Ok(Bound { listener, address, connections, work, stop })
    }

    /// The store of the queues.
    #[cfg(feature = "engines")]
    fn store(&self) -> Store {
        self.engine
            .as_ref()
            .map_or_else(|| Store::at(&self.settings.queues.store), |engine| Store::of(Arc::clone(engine)))
    }

    #[cfg(not(feature = "engines"))]
    fn store(&self) -> Store {
        Store::at(&self.settings.queues.store)
    }

    /// Serves until it is stopped.
    ///
    /// # Errors
    ///
    /// Why it could not begin.
    pub async fn serve(self) -> Result<(), ServeError> {
        self.bind().await?.serve().await;
        Ok(())
    }
}

/// A server that listens, its app started.
#[derive(Debug)]
#[must_use = "connections wait until it serves"]
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
    connections: Arc<Connections>,
    /// What takes messages and runs schedules.
    work: Option<Work>,
    stop: Stop,
}

impl Bound {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The app that it serves.
    #[cfg(feature = "dev")]
    pub(crate) fn service(&self) -> &AppService {
        &self.connections.service
    }

    /// Serves until it is stopped. Then it takes no more connections and messages, finishes requests, the work after their
    /// answers and messages for as long as [`Limits::drain_time`] says, and closes the services.
    pub async fn serve(self) {
        let Self { listener, address, connections, mut work, mut stop } = self;
        tracing::info!("listening on http://{address}");
        if let Some(work) = &mut work {
            work.begin();
        }
        let asked = tokio::select! {
            asked = stop.asked() => asked,
            never = accept(&listener, &connections) => match never {},
        };
        tracing::info!("stopping, {asked}");
        drop(listener);
        connections.stop();
        if let Some(work) = &work {
            work.stop();
        }
        let limit = connections.service.limits().drain_time;
        let finished = async {
            connections.tasks.wait().await;
            if let Some(work) = &work {
                work.finish().await;
            }
            connections.service.finish_work().await;
        };
        let finished = tokio::select! {
            finished = timeout(limit, finished) => finished.is_ok(),
            () = stop.insisted() => false,
        };
        if !finished {
            tracing::warn!("not everything was done when the time to stop was over; what is left is ended");
            connections.ended.cancel();
            let given_up = async {
                connections.tasks.wait().await;
                if let Some(work) = &work {
                    work.end();
                    work.finish().await;
                }
            };
            // Calls are dropped where they wait; one that does not wait is not waited for.
            let _ = timeout(LAST, given_up).await;
        }
        if timeout(LAST, connections.service.engine().close()).await.is_err() {
            tracing::error!("the services took too long to close");
        }
        tracing::info!("stopped");
    }
}

/// No value: accepting never ends by itself.
enum Never {}

/// Takes connections, as many at a time as the limit says.
async fn accept(listener: &TcpListener, connections: &Arc<Connections>) -> Never {
    let most = connections.service.limits().connections.min(Semaphore::MAX_PERMITS);
    let places = Arc::new(Semaphore::new(most));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            // It is never closed.
            std::future::pending::<()>().await;
            continue;
        };
        let failed = |error: &io::Error| tracing::error!("a connection could not be accepted: {error}");
        let (stream, client) = pikku_hyper::accept(listener, failed).await;
        let connection = Arc::clone(connections);
        connections.tasks.spawn(async move {
            // Made in here: a future that is moved in has its place twice.
            connection.attend(stream, client).await;
            drop(place);
        });
    }
}
