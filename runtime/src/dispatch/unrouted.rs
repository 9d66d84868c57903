//! Requests that no route takes, where middleware of the app stands around them.
//!
//! They are calls of an endpoint without a name, whose chain is that middleware and, at its end, what refuses.

use super::chain::Chain;
use crate::{
    BoxFuture, ContractMissing, Outcome, Problem,
    access::Access,
    app::{Endpoint, Handle, LayerKind, Place, Registry},
    function::{Invoked, ReadError},
    middleware::Next,
    service::Scope,
    session::SessionMode,
};
use serde_json::Value;
use std::future::ready;

/// Wires the endpoint of requests that no route takes.
pub(crate) fn add_unrouted(registry: &mut Registry, chains: &mut Vec<Chain>) {
    let mut outer: Vec<Handle> = Vec::new();
    let mut preflight = None;
    for layer in registry.layers.iter().filter(|layer| layer.place == Place::App) {
        let LayerKind::Middleware(around) = layer.kind else { continue };
        if around.unrouted.is_none() || around.session != SessionMode::None {
            continue;
        }
        // As around a route, of those that answer preflights the innermost stands.
        if around.preflights.is_some()
            && let Some(further_out) = preflight.replace(outer.len())
        {
            outer.remove(further_out);
            preflight = Some(outer.len());
        }
        outer.push(around.handle);
    }
    outer.push(refuse);
    registry.unrouted = Some(registry.endpoints.len());
    registry.endpoints.push(Endpoint {
        name: "",
        invoke,
        contract: Err(ContractMissing::new("")),
        takes_nothing: true,
        session: SessionMode::None,
        access: Access::NONE,
        tags: &[],
        timeout_ms: None,
    });
    chains.push(Chain { outer, ..Chain::default() });
}

/// Says what the router found, which is the end of such a call.
fn refuse<'a>(_: &'a Scope<'a>, next: Next<'a>) -> BoxFuture<'a, Outcome> {
    Box::pin(ready(Err(next.pass.parts.missed.clone().unwrap_or_else(Problem::no_route))))
}

/// Nothing comes past what refuses.
fn invoke<'a>(_: &'a Scope<'a>, _: Value) -> Result<Invoked<'a>, ReadError> {
    Ok(Box::pin(ready(Err(Problem::no_route()))))
}
