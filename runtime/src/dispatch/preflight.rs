//! Preflights: what browsers ask before they send a request of another origin's page (Fetch, section 4.8).
//!
//! Middleware that answers them stands around the routes that are asked about, and those are not wired to `OPTIONS`. So every
//! path with such a route is wired to it when the app starts. A preflight comes to the middleware of the route that takes the
//! method asked about, and no further: no session is looked for, no other middleware is met, no function is called. Of a path that
//! is wired to `OPTIONS` or to every method, that route decides.

use super::{chain::Chain, router::allow};
use crate::{
    BoxFuture, Outcome, Problem,
    app::{Registry, RouteWiring},
    http::{Method, options},
    middleware::Next,
    service::Scope,
};
use std::future::ready;

/// The place in the chain of such a path of what refuses, after that of what passes preflights on.
const REFUSE: usize = 1;

/// Wires `OPTIONS` of every path that has a route whose middleware answers preflights.
pub(crate) fn add_preflights(registry: &mut Registry, chains: &mut Vec<Chain>) {
    let routes = &registry.routes;
    let takes_options = |method: &Option<Method>| method.as_ref().is_none_or(|method| *method == Method::OPTIONS);
    let own: Vec<&str> =
        routes.iter().filter(|wiring| takes_options(&wiring.route.method)).map(|wiring| wiring.route.path).collect();
    let mut added: Vec<(RouteWiring, Chain)> = Vec::new();
    for (RouteWiring { route, endpoint, group }, chain) in routes.iter().zip(&*chains) {
        let known = || added.iter().rev().any(|(known, _)| known.route.path == route.path);
        if chain.preflight.is_some() && !own.contains(&route.path) && !known() {
            let wiring = RouteWiring { route: options(route.path), endpoint: *endpoint, group: *group };
            added.push((wiring, of_path(route.path, routes, chains)));
        }
    }
    for (wiring, chain) in added {
        registry.routes.push(wiring);
        chains.push(chain);
    }
}

/// The chain of the preflights of a path.
fn of_path(path: &str, routes: &[RouteWiring], chains: &[Chain]) -> Chain {
    let mut preflights = Chain { outer: vec![pass_on, refuse], ..Chain::default() };
    for (wiring, chain) in routes.iter().zip(chains).filter(|(wiring, _)| wiring.route.path == path) {
        // A route without one would take `OPTIONS` itself.
        let Some(method) = wiring.route.method.clone() else { continue };
        let answers = chain.preflight.map_or(REFUSE, |at| {
            preflights.outer.push(chain.outer[at]);
            preflights.outer.len() - 1
        });
        preflights.preflights.push((method, answers));
    }
    preflights
}

/// Passes a preflight on to what answers it for the method that it asks about.
fn pass_on<'a>(scope: &'a Scope<'a>, next: Next<'a>) -> BoxFuture<'a, Outcome> {
    let chain = next.pass.chain;
    let of = |asked: &str| chain.preflights.iter().find(|(method, _)| method.as_str() == asked).map(|(_, at)| *at);
    let request = scope.call().http().filter(|request| request.headers.contains("origin"));
    let asked = request.and_then(|request| request.header("access-control-request-method"));
    let at = asked.and_then(|asked| of(asked).or_else(|| if asked == "HEAD" { of("GET") } else { None }));
    // What goes on from there comes to what refuses.
    chain.outer[at.unwrap_or(REFUSE)](scope, next)
}

/// Any other request for `OPTIONS` is one for a method that the path does not take.
fn refuse<'a>(_: &'a Scope<'a>, next: Next<'a>) -> BoxFuture<'a, Outcome> {
    let methods = next.pass.chain.preflights.iter().map(|(method, _)| method);
    Box::pin(ready(Err(Problem::method_not_allowed(allow(methods)))))
}
