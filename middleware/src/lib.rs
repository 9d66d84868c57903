//! Middleware for Pikku: what stands around calls in most apps.
//!
//! Each is a type that is attached as any [middleware](macro@pikku::middleware) is: to the app, a group, a tag, the routes of a
//! pattern. What it is to do is told by constants of a type of the app, its policy, so that nothing is read while calls run and
//! what an app does not use is not in its bundles:
//!
//! ```
//! # use pikku::{App, Selection, http::get};
//! # #[pikku::function(public)]
//! # async fn hello() -> Result<String, pikku::Problem> { Ok("hello".to_owned()) }
//! # #[derive(pikku::Group)] struct Hello;
//! use pikku_middleware::SecurityHeaders;
//!
//! fn app<S: Selection>() -> App<S> {
//!     App::new().middleware::<SecurityHeaders>().group::<Hello>(|g| g.http::<hello>(get("/")))
//! }
//! ```
//!
//! The name of a policy is its `NAME`: `cargo pikku routes --middleware` prints `security_headers` for the one above, and
//! `security_headers(pages)` for a policy that says `NAME = "pages"`.
//!
//! These work on every transport. What they refuse is the same problem everywhere; a message of a queue that they refuse for now is
//! delivered again:
//!
//! | module | what it does |
//! |---|---|
//! | [`audit`] | tells who did what, and what came of it |
//! | [`circuit_breaker`] | refuses calls of functions that fail |
//! | [`concurrency_limit`] | lets so many calls go on at the same time |
//! | [`idempotency`] | does calls with the same key once |
//! | [`load_shed`] | refuses calls when those that go on take too long |
//! | [`rate_limit`] | lets callers call so often |
//! | [`retry`] | tries what failed again, within the call |
//! | [`timeout`] | ends calls that take too long |
//! | `tracing` (a feature) | makes a span of each call, for a collector of OpenTelemetry |
//!
//! Of these too the order is that of the places: `Tracing` and [`Audit`] outermost tell of what the others refuse, [`Retry`] around
//! [`CircuitBreaker`] tries what the circuit lets through, and each attempt takes its share of a [`ConcurrencyLimit`] inside it.
//!
//! Two things need none. How long the calls of one function may take it says itself (`timeout_ms`), and how long those of one wiring
//! its [route](pikku::http::Route::timeout_ms), [queue](pikku::Queue::timeout_ms) or [schedule](pikku::Cron::timeout_ms); the nearest
//! of all counts, and what is late is dropped, with its services. And the trace of a call
//! ([`Call::trace`](pikku::Call::trace)) goes on with the messages that it sends, whether or not there are spans.
//!
//! Only HTTP has what the others are about. On every other transport they do nothing:
//!
//! | module | what it does |
//! |---|---|
//! | [`cache_control`] | says how long who may keep an answer |
//! | `compression` (a feature of the default ones) | sends answers in fewer octets |
//! | [`cors`] | says which other origins' pages may call |
//! | [`csrf`] | refuses what pages of other sites make; the opening of WebSockets, too |
//! | [`etag`] | does not send what the client has already |
//! | [`request_id`] | puts an id on each answer |
//! | [`security_headers`] | tells browsers what they may do with an answer |
//!
//! What answers a call or adds to the answer on its way back does so in the order of the places. Around what the others make of
//! an answer belongs [`Etag`], around it the headers that stand on every answer:
//!
//! ```
//! # use pikku::{App, Selection, http::get};
//! # #[pikku::function(public)]
//! # async fn hello() -> Result<String, pikku::Problem> { Ok("hello".to_owned()) }
//! # #[derive(pikku::Group)] struct Hello;
//! # use pikku_middleware::{Compression, Csrf, Etag, RequestId, SecurityHeaders};
//! # fn app<S: Selection>() -> App<S> {
//! App::new()
//!     .middleware::<RequestId>()
//!     .middleware::<SecurityHeaders>()
//!     .middleware::<Csrf>()
//!     .middleware::<Etag>()
//!     .middleware::<Compression>()
//! #   .group::<Hello>(|g| g.http::<hello>(get("/")))
//! # }
//! ```
//!
//! What is refused before there is a call, by no route or by an adapter's own limits (a body that is too large or too late, too many
//! requests), has what these put on answers all the same, where they are attached to the app: [`SecurityHeaders`], [`Cors`],
//! [`RequestId`], and a [`RateLimit`] that does not look at the session counts it. Without them stays what is no HTTP, to which a server
//! answers a status alone, and on Workers the `500` of a call that has panicked.
//!
//! # OWASP ASVS
//!
//! What of the Application Security Verification Standard 5.0, chapter V3 up to level 2, is kept by these, and the tests that
//! show it:
//!
//! | requirement | kept by | shown by |
//! |---|---|---|
//! | 3.2.1 what a page did not ask for in that place is not shown | [`SecurityHeaders`]: an answer that is opened by itself is of its own type and may do nothing; [`Csrf`] by `Sec-Fetch-Site` | `every_answer_has_them`, `csrf_through_simple_requests_is_refused` |
//! | 3.3.1 `Secure`, 3.3.2 `SameSite`, 3.3.3 `__Host-`, 3.3.4 `HttpOnly`, and a session in no answer but by its cookie | `CookieSessions` of `pikku-auth` | `a_cookie_is_guarded_as_browsers_can`, `who_logs_in_is_known_until_logging_out` |
//! | 3.4.1 `Strict-Transport-Security`, 3.4.3 `Content-Security-Policy`, 3.4.4 `nosniff`, 3.4.5 `Referrer-Policy`, 3.4.6 `frame-ancestors`, on every answer | [`SecurityHeaders`], attached to the app | `every_answer_has_them` |
//! | 3.4.2 `Access-Control-Allow-Origin` of an allow-list | [`Cors`] | `cors_with_null_as_origin_is_refused`, `cors_with_look_alike_origins_is_refused`, `cors_with_two_origins_is_refused` |
//! | 3.5.1, 3.5.2 requests that need no preflight come from the app itself | [`Csrf`] | `csrf_through_simple_requests_is_refused` |
//! | 3.5.3 what changes something is not asked for by `GET` | a route takes the method that it names; which changes something the app knows | `routes_answer_as_axum_users_expect`, `csrf_through_simple_requests_is_refused` |
//!
//! Of the app: 3.5.4, hosts of their own for apps that are not one, and 3.7.2, redirects to other hosts, which none of these make. There
//! is nothing for 3.2.2, 3.5.5 and 3.7.1, text in pages, messages between windows and plug-ins, for Pikku makes no pages.
//!
//! # Layers of tower
//!
//! Any [layer of `tower`](https://docs.rs/tower-layer) goes around all of an app's HTTP, those of `tower_http` among them, on every
//! platform: `pikku_tower` puts it there. Layers see requests and answers, of every path, and know nothing of calls:
//!
//! ```
//! # use pikku::{App, Selection, http::get};
//! # #[pikku::function(public)]
//! # async fn hello() -> Result<String, pikku::Problem> { Ok("hello".to_owned()) }
//! # #[derive(pikku::Group)] struct Hello;
//! use pikku_tower::TowerLayers as _;
//! use tower_http::normalize_path::NormalizePathLayer;
//!
//! fn app<S: Selection>() -> App<S> {
//!     App::new().tower(NormalizePathLayer::trim_trailing_slash).group::<Hello>(|g| g.http::<hello>(get("/hello")))
//! }
//! # let _ = app::<pikku::All>();
//! ```
//!
//! `pikku_server::Server::layer` puts layers around the app in one server of your own, and in a tower stack that is there already
//! `pikku_server::AppService` is the app as a service.
//!
//! # Why these are not those of `tower-http`
//!
//! What goes with the function has to know a call: who is behind it, whether it came over HTTP or a queue, what it is worth when
//! it is tried again; and it has to run without hyper, threads or a clock of its own on Workers. `tower-http` and `governor` are
//! for requests of one server. What is a format or an algorithm is left to kept crates: gzip to `flate2`, hashes to `sha2`,
//! base64 to `base64`, stores to `rusqlite` and `tokio-postgres`. What remains here of CORS, CSRF and the token bucket is a
//! comparison of strings or a line of arithmetic each. An app with six of them takes 1.1 times the instructions of axum with six layers of `tower-http`, session and all
//! (`cargo xtask bench --only server-instructions`), and a bundle without them has none of their bytes.

/// What the source says of a middleware, and the services that it asks for.
macro_rules! meta {
    ($description:literal) => {
        meta!($description, [])
    };
    ($description:literal, [$($service:expr),*]) => {
        Meta { description: $description, module: module_path!(), file: file!(), line: line!(), services: &[$($service),*] }
    };
}

/// What a policy's calls share in a process, as a service.
macro_rules! service {
    ($state:ident: $policy:ident = $made:expr) => {
        impl<P: $policy> Service for $state<P> {
            type Lifetime = Singleton;
            const NAME: &'static str = Self::NAMED.as_str();
            const DEPTH_OF_THE_SERVICES_BELOW: usize = 0;

            fn plan(plan: &mut Plan) {
                plan.singleton::<Self>(|_| {});
            }

            fn get<'s>(scope: &'s Scope<'_>) -> impl Future<Output = Result<Handle<'s, Self>, Problem>> + Send {
                ready(Ok(scope.singleton()))
            }
        }

        impl<P: $policy> Construct for $state<P> {
            fn construct(_: &Container) -> BoxFuture<'_, Result<Self, BoxError>> {
                Box::pin(ready($made))
            }
        }
    };
}

pub mod audit;
pub mod cache_control;
pub mod circuit_breaker;
#[cfg(feature = "compression")]
pub mod compression;
pub mod concurrency_limit;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod cors;
pub mod csrf;
pub mod etag;
pub mod idempotency;
pub mod load_shed;
mod origin;
pub mod rate_limit;
mod refusal;
pub mod request_id;
pub mod retry;
pub mod security_headers;
pub mod store;
mod text;
pub mod timeout;
#[cfg(feature = "tracing")]
pub mod tracing;

pub use audit::Audit;
pub use cache_control::CacheControl;
pub use circuit_breaker::CircuitBreaker;
#[cfg(feature = "compression")]
pub use compression::Compression;
pub use concurrency_limit::ConcurrencyLimit;
pub use cors::Cors;
pub use csrf::Csrf;
pub use etag::Etag;
pub use idempotency::Idempotency;
pub use load_shed::LoadShed;
pub use origin::{Further, InvalidOrigin, KnownOrigins, OriginList, PolicyOnly};
pub use rate_limit::RateLimit;
pub use request_id::RequestId;
pub use retry::Retry;
pub use security_headers::SecurityHeaders;
pub use timeout::Timeout;
#[cfg(feature = "tracing")]
pub use tracing::Tracing;
