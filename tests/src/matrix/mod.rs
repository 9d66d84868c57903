//! The matrix: every scenario on every target, with equal answers.
//!
//! Scenarios are files, `tests/scenarios/*.yaml`; the app that they call is beside them. What a scenario does not say of an
//! answer is what the first target answers, so that all agree on all of it.

mod azure;
mod caller;
mod collector;
mod in_process;
mod jar;
mod judge;
mod lambda;
mod load;
mod octets;
mod raw;
mod scenario;
mod server;
mod target;
mod workers;

pub use caller::Caller;
pub use load::{Malformed, load};
pub use octets::Octets;
pub use scenario::{
    Call, Ending, Event, Expected, ExpectedAnswer, Identity, Message, Request, Scenario, Source, Step, Time,
};
pub use target::{Answer, Settled, Target, Variable};

use crate::{planted, repository};
use collector::Collector;
use judge::{Record, Seen};
use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    pin::Pin,
    time::{Duration, Instant},
};

/// What no answer may show: it is in the app's private error texts, in its panics and in a variable.
pub const PRIVATE: &str = "private-5f0c9e3ab1";

/// What signs the callers of messages, among the planted secrets.
const CALLER_KEYS: &str = "callers-of-the-scenarios";

/// What every target tells the app by variables: settings, and its secrets where it reads them from.
pub fn variables() -> Vec<Variable> {
    vec![
        (scenarios::PRIVATE_VARIABLE, PRIVATE.to_owned()),
        ("GREETING", "hei".to_owned()),
        ("TOKEN_KEY", planted("tokens-of-the-scenarios")),
        ("CALLER_KEYS", planted(CALLER_KEYS)),
        ("SESSION_KEYS", planted("sessions-of-the-scenarios")),
    ]
}

/// The targets. The first is what the others are compared with.
pub const TARGETS: [Entry; 5] = [
    Entry::of::<in_process::InProcess>(),
    Entry::of::<lambda::Lambda>(),
    Entry::of::<workers::Workers>(),
    Entry::of::<azure::Azure>(),
    Entry::of::<server::Server>(),
];

/// How long a scenario may take on a target.
const LIMIT: Duration = Duration::from_secs(60);

/// How long what was logged may take to arrive, and spans.
const LOG_LIMIT: Duration = Duration::from_secs(5);

/// A target in the list of them.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    lacks: &'static [(Source, &'static str)],
    run: fn(&Scenario) -> Running<'_>,
}

type Running<'a> = Pin<Box<dyn Future<Output = Record> + 'a>>;

impl Entry {
    /// The entry of a target.
    pub const fn of<T: Target + 'static>() -> Self {
        Self { name: T::NAME, lacks: T::LACKS, run: |scenario| Box::pin(run::<T>(scenario)) }
    }

    /// Why a scenario that would be run on all targets is not run on this one.
    pub fn leaves_out(&self, scenario: &Scenario) -> Option<&'static str> {
        let lacking = self.lacks.iter().find(|(source, _)| scenario.needs(*source));
        lacking.filter(|_| scenario.targets.is_none()).map(|(_, reason)| *reason)
    }
}

/// The folder of the scenarios.
pub fn folder() -> PathBuf {
    repository().join("tests/scenarios")
}

/// Runs a scenario on its targets and compares.
///
/// # Errors
///
/// What differs, for a person.
pub fn check(scenario: &Scenario, targets: &[Entry]) -> Result<(), String> {
    let executor = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|why| why.to_string())?;
    let wanted = |entry: &&Entry| match &scenario.targets {
        Some(names) => names.iter().any(|name| name == entry.name),
        None => entry.leaves_out(scenario).is_none(),
    };
    let mut records = Vec::new();
    for entry in targets.iter().filter(wanted) {
        // One target after the other: their figures would mix, and a failure names its own.
        let run =
            AssertUnwindSafe(|| executor.block_on(async { tokio::time::timeout(LIMIT, (entry.run)(scenario)).await }));
        records.push(match catch_unwind(run) {
            Ok(Ok(record)) => record,
            Ok(Err(_)) => Record::failed(entry.name, format!("it took longer than {LIMIT:?}")),
            Err(_) => Record::failed(entry.name, "it panicked, see above".to_owned()),
        });
    }
    let differences = judge::differences(scenario, &records);
    if differences.is_empty() { Ok(()) } else { Err(differences.join("\n")) }
}

async fn run<T: Target>(scenario: &Scenario) -> Record {
    let mut variables = variables();
    // Without a collector there are no spans, as most scenarios have it.
    let collector = if scenario.spans.is_empty() { None } else { Some(Collector::start().await) };
    variables.extend(collector.as_ref().map(|collector| (scenarios::traced::TRACES_VARIABLE, collector.url())));
    let target = match T::start(scenario, &variables).await {
        Ok(target) => target,
        Err(why) => return Record::failed(T::NAME, format!("it does not start: {why}")),
    };
    let mut jar = jar::Jar::default();
    let mut steps = Vec::with_capacity(scenario.steps.len());
    for step in &scenario.steps {
        let one = |settled: Settled| Seen::Settled(vec![settled]);
        steps.push(match &step.call {
            Call::Http(request) if scenario.keeps_cookies => {
                let answer = target.http(&jar.send(&vouched::<T>(request))).await;
                if let Ok(answer) = &answer {
                    jar.keep(answer);
                }
                answer.map(|answer| Seen::Answers(vec![answer]))
            }
            Call::Http(request) => target.http(&vouched::<T>(request)).await.map(|answer| Seen::Answers(vec![answer])),
            Call::Together(requests) => {
                let requests: Vec<_> = requests.iter().map(vouched::<T>).collect();
                target.together(&requests).await.map(Seen::Answers)
            }
            Call::Queue { queue, messages } => target.queue(queue, messages).await.map(Seen::Settled),
            Call::Schedule { schedule, time } => target.schedule(schedule, time).await.map(one),
            Call::Event(event) => target.event(event).await.map(one),
            Call::Socket(message) => target.say(message).await.map(|answer| Seen::Answers(vec![answer])),
        });
    }
    let spans = match &collector {
        Some(collector) => collector.spans(scenario.spans.len(), LOG_LIMIT).await,
        None => Vec::new(),
    };
    Record { target: T::NAME, steps: Ok(steps), log: log(&target, &scenario.logged).await, spans }
}

/// A request as a target gets it: what only another platform can say of a caller is what a client wrote.
fn vouched<T: Target>(request: &Request) -> Request {
    let mut request = request.clone();
    if let Some(forged) = request.identity.take_if(|identity| !T::vouches(identity)) {
        request.headers.push(forged.forged());
    }
    request
}

/// What a target has logged, once it holds what it must or has had the time for it: it comes by another way than answers.
async fn log(target: &impl Target, wanted: &[String]) -> Vec<String> {
    let deadline = Instant::now() + LOG_LIMIT;
    loop {
        let log = target.log().await;
        let has_all = wanted.iter().all(|text| log.iter().any(|line| line.contains(text)));
        if has_all || Instant::now() >= deadline {
            return log;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[cfg(test)]
mod tests;
