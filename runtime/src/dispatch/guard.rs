//! The pipeline of an app with sources of sessions, permissions or middleware.
//!
//! ```text
//! outer middleware -> sources of the session -> demands of the function: session, read-only, scopes
//!                  -> inner middleware -> input and validation -> permissions -> function -> change of the session
//! ```
//!
//! Outer middleware is that which does not look at the session. What panics or is late below it comes back through it as
//! a problem. An app without any of it does not link this.

use super::{chain::Chain, engine, input::Parts};
use crate::{
    BoxFuture, Call, Problem, Response, StatusCode,
    access::{SessionChange, is_bearer},
    app::{Check, Endpoint},
    call::Established,
    function::Reply,
    future::contained,
    middleware::Next,
    service::{Container, Scope},
    session::SessionMode,
};
use serde_json::Value;
use std::time::Duration;

/// Runs a call through its chain.
pub(crate) type GuardedRun =
    for<'a> fn(&'a Container, &'a Chain, &'a Endpoint, &'a Call, Parts<'a>) -> BoxFuture<'a, Result<Reply, Problem>>;

/// One call on its way.
pub(crate) struct Pass<'a> {
    pub(super) chain: &'a Chain,
    endpoint: &'a Endpoint,
    scope: &'a Scope<'a>,
    pub(super) parts: &'a Parts<'a>,
}

/// How far a call has come.
#[derive(Clone, Copy)]
pub(crate) enum Stage {
    /// At this outer middleware.
    Outer(usize),
    /// At this inner middleware.
    Inner(usize),
}

/// Runs a call through its chain.
pub(crate) fn guarded<'a>(
    container: &'a Container,
    chain: &'a Chain,
    endpoint: &'a Endpoint,
    call: &'a Call,
    parts: Parts<'a>,
) -> BoxFuture<'a, Result<Reply, Problem>> {
    Box::pin(async move {
        let scope = Scope::new(container, call);
        let pass = Pass { chain, endpoint, scope: &scope, parts: &parts };
        let outcome = pass.go_on(Stage::Outer(0)).await;
        if call.http().is_some() && call.response_headers() > 0 {
            return pass.respond(outcome, 0).map(Reply::from);
        }
        outcome
    })
}

impl Pass<'_> {
    /// Goes on from a stage.
    pub(crate) fn go_on<'s>(&'s self, stage: Stage) -> BoxFuture<'s, Result<Reply, Problem>> {
        match stage {
            Stage::Outer(at) => match self.chain.outer.get(at) {
                Some(handle) => handle(self.scope, Next { pass: self, stage: Stage::Outer(at + 1) }),
                None => Box::pin(self.contained(self.enter())),
            },
            Stage::Inner(at) => match self.chain.inner.get(at) {
                Some(around) if around.session == SessionMode::Required && self.call().claims().is_none() => {
                    Box::pin(std::future::ready(Err(self.no_session())))
                }
                Some(around) => (around.handle)(self.scope, Next { pass: self, stage: Stage::Inner(at + 1) }),
                None => Box::pin(self.contained(self.call_function())),
            },
        }
    }

    /// The response of a call over HTTP, with the headers that were added after so many.
    pub(crate) fn respond(&self, outcome: Result<Reply, Problem>, after: usize) -> Result<Response, Problem> {
        let headers = self.call().take_response_headers(after);
        match outcome {
            Ok(reply) => {
                let mut response = engine::respond(reply, self.parts.status);
                response.headers.add(&headers);
                Ok(response)
            }
            Err(problem) => Err(problem.with_headers(headers)),
        }
    }

    /// Goes on from a stage with per-call services of its own: those that are built below are dropped at its end.
    pub(crate) fn attempt<'s>(&'s self, stage: Stage) -> BoxFuture<'s, Result<Reply, Problem>> {
        Box::pin(async move {
            let scope = self.scope.anew();
            let pass = Pass { scope: &scope, ..*self };
            pass.go_on(stage).await
        })
    }

    /// Goes on from a stage for so long at most.
    pub(crate) fn within<'s>(&'s self, stage: Stage, limit: Duration) -> BoxFuture<'s, Result<Reply, Problem>> {
        Box::pin(async move {
            let _nearer = self.call().nearer_deadline(limit);
            self.contained(self.go_on(stage)).await
        })
    }

    /// The valid input.
    pub(crate) fn input(&self) -> Result<Value, Problem> {
        engine::read_input(self.endpoint, self.call(), self.parts)
    }

    pub(crate) fn call(&self) -> &Call {
        self.scope.call()
    }

    /// What panics or is late is a problem, so that the middleware around it sees one.
    async fn contained(&self, work: impl Future<Output = Result<Reply, Problem>> + Send) -> Result<Reply, Problem> {
        let call = self.call();
        let deadline = || call.remaining().map(|remaining| self.scope.platform().sleep(remaining));
        match contained(Box::pin(work), deadline).await {
            Ok(Some(outcome)) => outcome,
            Ok(None) => {
                // Of a part of the call that is late the rest may still make something.
                if !call.has_nearer_deadline() {
                    call.cancel();
                }
                Err(Problem::deadline())
            }
            Err(panic) => Err(Problem::internal(format!("panicked: {panic}"))),
        }
    }

    /// The session, what the function demands of it, and what follows.
    async fn enter(&self) -> Result<Reply, Problem> {
        if self.chain.asks {
            self.authenticate().await?;
        }
        self.admit()?;
        let reply = self.go_on(Stage::Inner(0)).await?;
        if let Some(change) = self.call().session_control().change() {
            self.settle(&change).await?;
        }
        Ok(reply)
    }

    /// The first source that knows the call's credentials says who calls. Bad ones end the call, whatever others it has.
    async fn authenticate(&self) -> Result<(), Problem> {
        for (source, of) in self.chain.sources.iter().enumerate() {
            let known = (of.authenticate)(self.scope).await;
            if let Some(claims) = known.map_err(|error| error.into_problem(of.challenge))? {
                self.call().establish(Established { claims, source });
                break;
            }
        }
        Ok(())
    }

    /// Whether the session is what the function demands.
    fn admit(&self) -> Result<(), Problem> {
        let Some(Established { claims, source }) = self.call().established() else {
            return if self.endpoint.session == SessionMode::Required { Err(self.no_session()) } else { Ok(()) };
        };
        if claims.is_read_only() && !self.endpoint.access.read_only {
            let detail = "a read-only session cannot call this";
            return Err(Problem::new(StatusCode::FORBIDDEN, "read_only_session", detail));
        }
        let missing = |scope: &&crate::access::Scope| !claims.scopes().grants(**scope);
        if self.endpoint.access.scopes.iter().any(|scope| missing(&scope)) {
            let names: Vec<&str> = self.endpoint.access.scopes.iter().map(|scope| scope.name()).collect();
            let names = names.join(" ");
            let problem = Problem::new(
                StatusCode::FORBIDDEN,
                "insufficient_scope",
                format!("this needs a session with the scope `{names}`"),
            );
            // RFC 6750, section 3.1
            let challenge = self.chain.sources.get(*source).map_or("", |source| source.challenge);
            return Err(if is_bearer(challenge) {
                let separator = if challenge.contains(' ') { ", " } else { " " };
                let value = format!("{challenge}{separator}error=\"insufficient_scope\", scope=\"{names}\"");
                problem.with_header("www-authenticate", value)
            } else {
                problem
            });
        }
        Ok(())
    }

    /// `401`, with what each source asks for (RFC 9110, section 11.6.1).
    fn no_session(&self) -> Problem {
        let mut challenges: Vec<&'static str> = Vec::new();
        for source in &self.chain.sources {
            if !source.challenge.is_empty() && !challenges.contains(&source.challenge) {
                challenges.push(source.challenge);
            }
        }
        let add = |problem: Problem, challenge| problem.with_header("www-authenticate", challenge);
        challenges.into_iter().fold(Problem::no_session(), add)
    }

    async fn call_function(&self) -> Result<Reply, Problem> {
        let input = self.input()?;
        for check in &self.chain.permissions {
            if (check.decide)(self.scope, &input).await != crate::access::Decision::Allowed {
                return Err(self.refusal(check));
            }
        }
        engine::invoke(self.endpoint, self.scope, input, self.parts).await
    }

    /// `403`, or `401` where the permission looks at the session and there is none.
    fn refusal(&self, check: &Check) -> Problem {
        let mut rule = String::new();
        (check.describe)(&mut rule);
        let private = format!("permission: {rule}");
        if check.session != SessionMode::None && self.call().claims().is_none() {
            return self.no_session().with_private(private);
        }
        Problem::new(StatusCode::FORBIDDEN, "forbidden", "this is not allowed").with_private(private)
    }

    /// Has the change that a function made of the session kept: by the source that established it, otherwise by the first
    /// that keeps sessions. Every source that keeps some forgets a session that is cleared.
    async fn settle(&self, change: &SessionChange) -> Result<(), Problem> {
        let established = self.call().established().map(|established| established.source);
        let keeps = |source: &usize| self.chain.sources[*source].settle.is_some();
        let mut keepers: Vec<usize> = (0..self.chain.sources.len()).filter(keeps).collect();
        if let SessionChange::Set(_) = change {
            let own = keepers.iter().copied().find(|source| Some(*source) == established);
            keepers = own.or(keepers.first().copied()).into_iter().collect();
        }
        if keepers.is_empty() {
            return Err(Problem::internal(
                "a function changed the session, and no source of this wiring keeps sessions",
            ));
        }
        for keeper in keepers {
            if let Some(settle) = self.chain.sources[keeper].settle {
                settle(self.scope, change).await?;
            }
        }
        Ok(())
    }
}
