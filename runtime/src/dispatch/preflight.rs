//! Preflights: what browsers ask before they send a request of another origin's page (Fetch, section 4.8).
//!
//! Middleware that answers them stands around the routes that are asked about, and those are not wired to `OPTIONS`. So every
//! path with such a route is wired to it when the app starts. A preflight comes to the middleware of the route that takes the
//! method asked about, and no further: no session is looked for, no other middleware is met, no function is called. Of a path that
//! is wired to `OPTIONS` or to every method, that route decides.

use super::{chain::Chain, router::allow};
use crate::{
    BoxFuture, Outcome, Problem,
    app::{Handle, Registry, RouteWiring},
    http::{Method, options},
    middleware::Next,
    service::Scope,
};
use std::future::ready;

/// The methods that a preflight can ask about and a route can be wired to.
const METHODS: [Method; 6] = [Method::DELETE, Method::GET, Method::HEAD, Method::PATCH, Method::POST, Method::PUT];

/// Which middleware of a chain answers preflights, by the method that they ask about: its place plus one, or 0 for none.
///
/// A chain that has none is no larger for it, and needs no more to be dropped: most apps have none.
#[derive(Clone, Copy, Default)]
pub(super) struct Preflights([u16; METHODS.len()]);

impl Preflights {
    /// Those of a route: all at that place.
    pub(super) fn all(place: usize) -> Self {
        // No route has more around it.
        Self([u16::try_from(place + 1).unwrap_or_default(); METHODS.len()])
    }

    /// The place of what answers those of a route.
    pub(super) fn of_route(self) -> Option<usize> {
        usize::from(self.0[0]).checked_sub(1)
    }

    fn of(self, asked: &str) -> Option<usize> {
        let method = METHODS.iter().position(|method| method.as_str() == asked)?;
        usize::from(self.0[method]).checked_sub(1)
    }
}

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
        if chain.preflights.of_route().is_some() && !own.contains(&route.path) && !known() {
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
    let mut outer: Vec<Handle> = vec![pass_on, refuse];
    let mut preflights = Preflights::default();
    for (wiring, chain) in routes.iter().zip(chains).filter(|(wiring, _)| wiring.route.path == path) {
        // A route for any other would take `OPTIONS` itself.
        let Some(method) = METHODS.iter().position(|method| wiring.route.method.as_ref() == Some(method)) else {
            continue;
        };
        let place = chain.preflights.of_route().map_or(REFUSE, |at| {
            outer.push(chain.outer[at]);
            outer.len() - 1
        });
        preflights.0[method] = Preflights::all(place).0[method];
    }
    Chain { outer, preflights, ..Chain::default() }
}

/// Passes a preflight on to what answers it for the method that it asks about.
fn pass_on<'a>(scope: &'a Scope<'a>, next: Next<'a>) -> BoxFuture<'a, Outcome> {
    let Chain { outer, preflights, .. } = next.pass.chain;
    let request = scope.call().http().filter(|request| request.headers.contains("origin"));
    let asked = request.and_then(|request| request.header("access-control-request-method"));
    let place = asked.and_then(|asked| {
        let of_get = || if asked == "HEAD" { preflights.of("GET") } else { None };
        preflights.of(asked).or_else(of_get)
    });
    // What goes on from there comes to what refuses.
    outer[place.unwrap_or(REFUSE)](scope, next)
}

/// Any other request for `OPTIONS` is one for a method that the path does not take.
fn refuse<'a>(_: &'a Scope<'a>, next: Next<'a>) -> BoxFuture<'a, Outcome> {
    let places = next.pass.chain.preflights.0;
    let wired = METHODS.iter().zip(places).filter(|(_, place)| *place > 0).map(|(method, _)| method);
    Box::pin(ready(Err(Problem::method_not_allowed(allow(wired)))))
}
