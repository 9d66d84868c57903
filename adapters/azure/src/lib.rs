//! Runs a Pikku app on Azure Functions, as a [custom handler].
//!
//! The adapter translates: what the Functions host sends to a call of the runtime, and the outcome back to what the host
//! wants. It decides nothing else; routing, validation and errors are the runtime's.
//!
//! | what the host sends | call | answer |
//! |---|---|---|
//! | a request that it proxies (`enableProxyingHttpRequest`) | one | the response, as it is made |
//! | an invocation of an HTTP function | one | the response as the output `res` |
//! | an invocation for a storage queue, Service Bus, a blob, a timer | one | 200, or 500 so that the host tries again |
//! | an invocation for Event Grid, Event Hubs | one an event | 200, or 500 so that the host tries all of them again |
//!
//! **Which wiring.** An invocation names its function, and a function is named after its wiring: `queue-orders` is for
//! `queue:orders`, and for no other. Where no wiring has the name, one that takes any source of the kind does; the kind is
//! then told by the members that only it has. `PIKKU_SOURCES` maps the wirings' ids to the physical names of their sources.
//!
//! **Who sent it.** The host marks what it proxies with `x-ms-invocation-id`, and what it sends itself has none; nothing that
//! a client sends can make a proxied request an invocation. With `enableForwardingHttpRequest` the host leaves that mark
//! out, so it is not supported. `x-ms-client-principal` and its like are passed on, and are the call's
//! [`PlatformIdentity`](pikku::call::PlatformIdentity), only where the platform's authentication is on
//! (`WEBSITE_AUTH_ENABLED`), for it alone may set them.
//!
//! **What the host garbles.** It decodes every string output that is valid base64, such as `test`, so what a function
//! returns goes out encoded once, and arrives as it was. It lets the members of a message's own JSON body replace the
//! metadata of the same names, so such metadata counts as unknown. A body that is no text, or that .NET takes for a date,
//! cannot be the output of an invocation and is refused; proxied, every body goes through.
//!
//! **Start and end.** The port is bound before the services are built, and calls wait for them. A start that fails is the
//! answer to every call, with the reason in the log. At SIGTERM what was begun is finished and the services are closed;
//! the exit code is 200, after which a host that lives on starts the bundle again.
//!
//! A bundle whose services send to queues is built with the feature `queues`, which brings TLS and signatures; one whose services
//! ask for secrets while they run with the feature `secrets`, which brings TLS too.
//!
//! A bundle's `main` is `pikku_azure::run(app::<Bundle>())`; the packager writes it.
//!
//! [custom handler]: https://learn.microsoft.com/azure/azure-functions/functions-custom-handlers

mod answer;
#[cfg(any(feature = "queues", feature = "secrets"))]
mod cloud;
mod connection;
mod handler;
mod host;
mod http;
mod invocation;
mod platform;
#[cfg(feature = "queues")]
mod queues;
mod run;
mod stop;
mod time;
mod trigger;
#[cfg(feature = "secrets")]
mod vault;

pub use run::run;
