//! Errors as part of the contract.
//!
//! A function's error type derives [`macro@Error`]: each variant has a status, a stable code and whether a retry
//! helps. What callers see is a [`Problem`], the same on every transport. It has a public text and a private one; the
//! private one goes to the log alone.

mod problem;
mod status;
mod violation;

pub use problem::Problem;
#[doc(hidden)]
pub use problem::chain;
pub use status::StatusCode;
use std::convert::Infallible;
pub use violation::{Violation, ViolationSource};

/// Any error, as service constructors return it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// An error that a function returns. Derive it: `#[derive(Debug, pikku::Error)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the error of a function",
    label = "the error set of a function is part of its contract",
    note = "derive it on your enum: `#[derive(Debug, pikku::Error)]`, with `#[pikku(status = 404)]` on each variant",
    note = "or return `Result<T, pikku::Problem>`"
)]
pub trait Error: Send + 'static {
    /// Every way it can fail.
    const CASES: &'static [ErrorCase];

    /// The error as the envelope carries it.
    fn into_problem(self) -> Problem;
}

/// One way a function can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorCase {
    /// The stable code that clients match on.
    pub code: &'static str,
    /// The status.
    pub status: StatusCode,
    /// The public description.
    pub title: &'static str,
    /// Whether the same call may succeed later.
    pub retry: bool,
}

/// The cases of several lists as one list of `N`, for an error that wraps others.
pub const fn cases<const N: usize>(lists: &[&[ErrorCase]]) -> [ErrorCase; N] {
    let mut all = [ErrorCase { code: "", status: StatusCode::INTERNAL_SERVER_ERROR, title: "", retry: false }; N];
    let mut count = 0;
    let mut list = 0;
    while list < lists.len() {
        let mut case = 0;
        while case < lists[list].len() {
            all[count] = lists[list][case];
            count += 1;
            case += 1;
        }
        list += 1;
    }
    assert!(count == N, "`N` is the number of all cases");
    all
}

impl Error for Infallible {
    const CASES: &'static [ErrorCase] = &[];

    fn into_problem(self) -> Problem {
        match self {}
    }
}

impl Error for Problem {
    const CASES: &'static [ErrorCase] = &[];

    fn into_problem(self) -> Problem {
        self
    }
}
