use pikku::{__private::chain, BoxError, Error, ErrorCase, Problem, StatusCode, Violation, http::Headers};
use std::{fmt, time::Duration};

/// Why a call of another service came to nothing.
///
/// It says what happened, so that the function that called may look: [`failure`](Self::failure), and of an error that the other
/// function has answered [`refusal`](Self::refusal). Returned as it is, it becomes a problem of this service that says nothing of
/// the other one; what was answered there goes to the log.
///
/// | failure | status | code | may be tried again |
/// |---|---|---|---|
/// | [`Unsent`](Failure::Unsent) | 500 | `internal` | as any fault |
/// | [`Unreachable`](Failure::Unreachable) | 503 | `remote_unreachable` | yes |
/// | [`Late`](Failure::Late) | 504 | `remote_late` | yes |
/// | [`Refused`](Failure::Refused) with 408, 425, 429, 503, 504 or a `Retry-After` | 503 | `remote_unavailable` | yes, then |
/// | [`Refused`](Failure::Refused) with any other status | 502 | `remote_refused` | no |
/// | [`NotUnderstood`](Failure::NotUnderstood) | 502 | `remote_not_understood` | no |
///
/// After `Unreachable` and `Late` nobody knows whether the function was called: a key by which it is
/// [done once](crate::Request::idempotency_key) lets the call be made again.
pub struct RpcError(Box<Inner>);

struct Inner {
    service: &'static str,
    function: &'static str,
    failure: Failure,
}

/// What a call came to.
#[derive(Debug)]
#[non_exhaustive]
pub enum Failure {
    /// It was not made: the input cannot be written as JSON, or who calls cannot be signed.
    Unsent(BoxError),
    /// There was no answer, or not a whole one.
    Unreachable(BoxError),
    /// There was no answer within this time, or the one that the function's own time was over.
    Late(Duration),
    /// The function, or what stands before it, answered with an error.
    Refused(Refusal),
    /// The answer is not one of such a function: its status, and what is wrong with it.
    NotUnderstood(u16, String),
}

/// An error as the other service tells it to who calls: its public part (RFC 9457).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) code: String,
    pub(crate) detail: String,
    pub(crate) errors: Vec<Violation>,
    pub(crate) retry_after: Option<Duration>,
}

impl Refusal {
    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The stable code, which tells errors apart.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The text for a person.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The values of the input that are wrong.
    pub fn errors(&self) -> &[Violation] {
        &self.errors
    }

    /// How long to wait before the call is made again, where it says so in seconds.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Whether it passes: by its status, or as it says when to come again.
    fn may_pass(&self) -> bool {
        self.retry_after.is_some() || matches!(self.status.as_u16(), 408 | 425 | 429 | 503 | 504)
    }
}

impl RpcError {
    pub(crate) fn new(service: &'static str, function: &'static str, failure: Failure) -> Self {
        Self(Box::new(Inner { service, function, failure }))
    }

    /// What the call came to.
    pub fn failure(&self) -> &Failure {
        &self.0.failure
    }

    /// The error that the other service answered with; `None` where it is none.
    pub fn refusal(&self) -> Option<&Refusal> {
        match &self.0.failure {
            Failure::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// Whether the other service answered with an error of that code.
    pub fn is(&self, code: &str) -> bool {
        self.refusal().is_some_and(|refusal| refusal.code == code)
    }
}

impl fmt::Display for RpcError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { service, function, failure } = &*self.0;
        write!(formatter, "the call of `{function}` of the service `{service}` ")?;
        match failure {
            Failure::Unsent(_) => formatter.write_str("could not be made"),
            Failure::Unreachable(_) => formatter.write_str("was not answered"),
            Failure::Late(patience) => write!(formatter, "was not answered within {patience:?}"),
            Failure::Refused(Refusal { status, code, detail, .. }) => {
                write!(formatter, "was refused: {status} {code}: {detail}")
            }
            Failure::NotUnderstood(status, reason) => {
                write!(formatter, "was answered by {status}, which is no answer of it: {reason}")
            }
        }
    }
}

/// The log shows the errors of functions as `Debug` writes them: what `Display` says, with the cause.
impl fmt::Debug for RpcError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&chain(self))
    }
}

impl std::error::Error for RpcError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0.failure {
            Failure::Unsent(error) | Failure::Unreachable(error) => Some(&**error),
            _ => None,
        }
    }
}

const UNREACHABLE: ErrorCase = case(503, "remote_unreachable", "Another service cannot be reached");
const LATE: ErrorCase = case(504, "remote_late", "Another service did not answer in time");
const UNAVAILABLE: ErrorCase = case(503, "remote_unavailable", "Another service cannot do this right now");
const REFUSED: ErrorCase = ErrorCase { retry: false, ..case(502, "remote_refused", "Another service refused this") };
const NOT_UNDERSTOOD: ErrorCase = ErrorCase {
    retry: false,
    ..case(502, "remote_not_understood", "The answer of another service was not understood")
};

const fn case(status: u16, code: &'static str, title: &'static str) -> ErrorCase {
    ErrorCase { code, status: StatusCode::new(status), title, retry: true }
}

impl Error for RpcError {
    const CASES: &'static [ErrorCase] = &[UNREACHABLE, LATE, UNAVAILABLE, REFUSED, NOT_UNDERSTOOD];

    fn into_problem(self) -> Problem {
        let private = format!("{self:?}");
        let case = match &self.0.failure {
            Failure::Unsent(_) => return Problem::internal(private),
            Failure::Unreachable(_) => &UNREACHABLE,
            Failure::Late(_) => &LATE,
            Failure::Refused(refusal) if refusal.may_pass() => &UNAVAILABLE,
            Failure::Refused(_) => &REFUSED,
            Failure::NotUnderstood(..) => &NOT_UNDERSTOOD,
        };
        let problem = Problem::new(case.status, case.code, case.title).with_retry(case.retry).with_private(private);
        match self.refusal().and_then(Refusal::retry_after) {
            Some(after) => problem.with_headers(retry_after(after)),
            None => problem,
        }
    }
}

fn retry_after(after: Duration) -> Headers {
    let mut headers = Headers::default();
    // A number is text that headers can carry.
    let _ = headers.append("retry-after", after.as_secs().to_string().as_bytes());
    headers
}

impl From<RpcError> for Problem {
    fn from(error: RpcError) -> Self {
        error.into_problem()
    }
}
