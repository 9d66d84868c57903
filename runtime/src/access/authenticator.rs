use super::{Claims, SessionChange};
use crate::{
    BoxFuture, Problem, StatusCode,
    function::Meta,
    service::{Plan, Scope},
};

/// A source of sessions: it looks at a call and says who makes it. Implemented by `#[pikku::authenticator]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an authenticator",
    note = "write `#[pikku::authenticator]` above `async fn {Self}(…) -> Result<Option<pikku::Claims>, pikku::AuthError>`"
)]
pub trait Authenticator: Send + Sync + 'static {
    /// The name: that of the Rust function.
    const NAME: &'static str;
    /// What the source says of it.
    const META: Meta;
    /// What a `401` asks for (RFC 9110, section 11.6.1): a scheme, perhaps with parameters. Empty where it is nothing that a
    /// client could send.
    const CHALLENGE: &'static str = "Bearer";
    /// Whether it keeps sessions, so that a function can set and clear them.
    const KEEPS: bool = false;

    /// Adds the services it asks for to the plan.
    fn plan(plan: &mut Plan);

    /// The session that the call's credentials stand for; `None` where it has none of this source's kind.
    fn authenticate<'a>(scope: &'a Scope<'a>) -> BoxFuture<'a, Result<Option<Claims>, AuthError>>;

    /// Makes what a function did to the session lasting.
    fn settle<'a>(_: &'a Scope<'a>, _: &'a SessionChange) -> BoxFuture<'a, Result<(), Problem>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Why a source does not establish a session for a call that has credentials of its kind.
#[derive(Debug)]
pub struct AuthError(Kind, Problem);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Malformed,
    Rejected,
    Other,
}

impl AuthError {
    /// The credentials are not valid: forged, expired, revoked, for somebody else, unknown. The reason is for the log
    /// alone. The answer is `401`, with `invalid_token` for a bearer (RFC 6750, section 3.1).
    pub fn rejected(private: impl Into<String>) -> Self {
        let problem = Problem::new(
            StatusCode::UNAUTHORIZED,
            "invalid_credentials",
            "the credentials are not valid, or not any more",
        );
        Self(Kind::Rejected, problem.with_private(private))
    }

    /// The credentials are not of a form that could be valid, or are given twice. The answer is `400`, with
    /// `invalid_request` for a bearer.
    pub fn malformed(private: impl Into<String>) -> Self {
        let problem =
            Problem::new(StatusCode::BAD_REQUEST, "malformed_credentials", "the credentials are not well formed");
        Self(Kind::Malformed, problem.with_private(private))
    }

    /// They cannot be checked now. The answer is `503`: nobody is let in.
    pub fn unavailable(private: impl Into<String>) -> Self {
        let problem = Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "authentication_unavailable",
            "the credentials cannot be checked now",
        );
        Self(Kind::Other, problem.with_private(private))
    }

    /// The problem that the caller sees, with the challenge of the source.
    pub fn into_problem(self, challenge: &'static str) -> Problem {
        let Self(kind, problem) = self;
        let error = match kind {
            Kind::Rejected => "invalid_token",
            Kind::Malformed => "invalid_request",
            Kind::Other => return problem,
        };
        if !is_bearer(challenge) {
            let says = kind == Kind::Rejected && !challenge.is_empty();
            return if says { problem.with_header("www-authenticate", challenge) } else { problem };
        }
        let separator = if challenge.len() > BEARER.len() { ", " } else { " " };
        problem.with_header("www-authenticate", format!("{challenge}{separator}error=\"{error}\""))
    }
}

impl From<Problem> for AuthError {
    /// A problem is for the caller as it is, such as that of a service that could not be built.
    fn from(problem: Problem) -> Self {
        Self(Kind::Other, problem)
    }
}

const BEARER: &str = "Bearer";

/// Whether a challenge is of the scheme that RFC 6750 gives error codes to.
pub(crate) fn is_bearer(challenge: &str) -> bool {
    let scheme = challenge.split(' ').next().unwrap_or_default();
    scheme.eq_ignore_ascii_case(BEARER)
}
