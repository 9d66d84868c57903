//! What both programs are asked: the same requests, as many as the command line says.

use std::{
    future::Future,
    pin::pin,
    process::ExitCode,
    task::{Context, Poll, Waker},
};

/// The body that is posted.
pub const BODY: &[u8] = br#"{"name":"Ada","age":36,"tags":["math","poetry"]}"#;

/// What is measured.
pub enum Work {
    /// A posted greeting.
    Greet { validated: bool },
    /// The same in an app with policies around other functions, which its bundle was made without.
    Apart,
    /// A request that is routed among so many others.
    Route { routes: usize },
}

/// The work and the number of requests, from `greet|validated|apart|route:N COUNT`.
pub fn asked() -> Option<(Work, usize)> {
    let mut arguments = std::env::args().skip(1);
    let work = match arguments.next()?.as_str() {
        "greet" => Work::Greet { validated: false },
        "validated" => Work::Greet { validated: true },
        "apart" => Work::Apart,
        other => Work::Route { routes: other.strip_prefix("route:")?.parse().ok()? },
    };
    Some((work, arguments.next()?.parse().ok()?))
}

/// The path of a route, as it is declared.
pub fn declared(route: usize) -> &'static str {
    format!("/v1/resource{route}/items/{{id}}").leak()
}

/// Paths of requests that fit routes spread over all of them.
pub fn requested(routes: usize) -> Vec<String> {
    (0..10).map(|part| format!("/v1/resource{}/items/7", part * routes / 10 + routes / 20)).collect()
}

/// Drives a future that never waits.
pub fn ready<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
    }
}

/// Says how it went: every request must have been answered well.
pub fn ended(wrong: usize) -> ExitCode {
    if wrong == 0 {
        return ExitCode::SUCCESS;
    }
    eprintln!("error: {wrong} requests were not answered with 200");
    ExitCode::FAILURE
}

/// How to call it.
pub fn usage() -> ExitCode {
    eprintln!("usage: greet|validated|apart|route:N COUNT");
    ExitCode::from(2)
}
