//! What a template cannot say, as data: each problem with its code, its place, its reason and its fix.

use super::schedule::ScheduleProblem;
use crate::error::Finding;
use pikku_manifest::{Location, Wiring};
use std::fmt;

/// Why no template can be written for an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError {
    /// Where it is.
    pub place: Place,
    /// What it is.
    pub problem: Problem,
}

/// Something the template leaves out, or that will surprise once it is deployed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateWarning {
    /// Where it is.
    pub place: Place,
    /// What it is.
    pub notice: Notice,
}

/// The part of the app that is meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The group, where it is about one.
    pub group: Option<String>,
    /// The wiring's id, where it is about one.
    pub wiring: Option<String>,
    /// The place in the source, where it is known.
    pub location: Option<Location>,
}

impl Place {
    pub(super) fn group(name: &str) -> Self {
        Self { group: Some(name.to_owned()), ..Self::default() }
    }

    pub(super) fn wiring(group: &str, wiring: &Wiring) -> Self {
        Self { group: Some(group.to_owned()), wiring: Some(wiring.id.clone()), location: Some(wiring.location.clone()) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.group, &self.wiring) {
            (Some(group), Some(wiring)) => write!(f, "group `{group}`, wiring `{wiring}`"),
            (Some(group), None) => write!(f, "group `{group}`"),
            (None, _) => f.write_str("the app"),
        }
    }
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// A schedule that EventBridge Scheduler cannot express.
    Schedule {
        /// The expression.
        expression: String,
        /// Why it cannot.
        problem: ScheduleProblem,
    },
    /// A setting of the bundle's function that Lambda does not take.
    Setting {
        /// The setting's key.
        key: &'static str,
        /// Its value.
        value: u32,
        /// The values that Lambda takes.
        allowed: String,
    },
    /// A source that feeds one consumer only, wired in two groups.
    SharedSource {
        /// The source's kind.
        kind: &'static str,
        /// The source's name.
        name: String,
        /// The group that had it first.
        other_group: String,
    },
    /// A property of a wiring that AWS does not take.
    Property {
        /// The property.
        name: &'static str,
        /// Its value.
        value: u32,
        /// The values that AWS takes.
        allowed: String,
    },
    /// A method that an HTTP API does not route.
    Method {
        /// The method.
        method: String,
    },
    /// A route that two groups answer.
    RouteTaken {
        /// The route's key.
        route: String,
        /// The group that had it first.
        other_group: String,
    },
    /// More environment than Lambda takes.
    Environment {
        /// How many bytes it has at the least.
        bytes: usize,
    },
    /// An environment variable that cannot be set.
    Variable {
        /// The variable.
        name: String,
        /// The service that needs it.
        service: String,
        /// Whether Lambda or the bundle sets a variable of that name itself.
        reserved: bool,
    },
    /// Two listeners to the same events of a bucket.
    Notifications {
        /// The bucket.
        bucket: String,
        /// The event both listen to.
        event: String,
        /// The wiring that had it first.
        other: Place,
    },
    /// Two parts of the app whose names come out as one logical id.
    LogicalId {
        /// The logical id.
        id: String,
        /// What had it first.
        first: String,
        /// What wants it too.
        second: String,
    },
    /// A name that AWS does not take.
    Name {
        /// What has the name.
        kind: &'static str,
        /// The name.
        name: String,
        /// What AWS takes.
        rule: &'static str,
    },
    /// Settings of a secret that no service reads.
    UnknownSecret {
        /// The name in the settings.
        name: String,
        /// The secrets that services read.
        known: Vec<String>,
    },
    /// The template could not be written as YAML. This is a bug of the packager.
    Yaml {
        /// What the YAML library said.
        reason: String,
    },
}

impl TemplateError {
    /// The error's code; `cargo pikku explain` has a page for each.
    pub fn code(&self) -> &'static str {
        match self.problem {
            Problem::Schedule { .. } => "PK0301",
            Problem::Setting { .. } => "PK0302",
            Problem::SharedSource { .. } => "PK0303",
            Problem::Property { .. } => "PK0304",
            Problem::Method { .. } | Problem::RouteTaken { .. } => "PK0305",
            Problem::Environment { .. } => "PK0306",
            Problem::Variable { .. } => "PK0307",
            Problem::Notifications { .. } => "PK0308",
            Problem::LogicalId { .. } => "PK0309",
            Problem::Name { .. } => "PK0310",
            Problem::Yaml { .. } => "PK0311",
            Problem::UnknownSecret { .. } => "PK0312",
        }
    }

    /// What to do about it.
    pub fn fix(&self) -> String {
        match &self.problem {
            Problem::Schedule { problem: ScheduleProblem::BothDays, .. } => {
                "wire the function twice, once for the days of the month and once for the days of the week".to_owned()
            }
            Problem::Schedule { .. } => {
                "write minute, hour, day of month, month and day of week, such as `0 3 * * 1-5`".to_owned()
            }
            Problem::Setting { key, allowed, .. } => {
                format!("set `{key}` to {allowed} in `[package.metadata.pikku.lambda]` or in the group's own table")
            }
            Problem::SharedSource { kind, .. } if *kind == "queue" => {
                "let one group consume the queue, or publish to a topic that both groups listen to".to_owned()
            }
            Problem::SharedSource { .. } => "wire it in one group only".to_owned(),
            Problem::Property { name, allowed, .. } => format!("choose a {name} of {allowed}"),
            Problem::Method { .. } => "use GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS or any method".to_owned(),
            Problem::RouteTaken { .. } => "remove one of the two, or give it another path".to_owned(),
            Problem::Environment { .. } => {
                "split the group, shorten the names of its sources, or keep settings in a parameter or a secret"
                    .to_owned()
            }
            Problem::Variable { reserved: true, .. } => {
                "choose another name; those that begin with `AWS_LAMBDA_` and `PIKKU_` are taken".to_owned()
            }
            Problem::Variable { .. } => "use letters, digits and `_`, beginning with a letter".to_owned(),
            Problem::Notifications { .. } => {
                "tell them apart by prefix or suffix, or let one function call the other's work".to_owned()
            }
            Problem::LogicalId { .. } => {
                "rename one of them; only letters and digits tell logical ids apart".to_owned()
            }
            Problem::Name { rule, .. } => format!("use {rule}"),
            Problem::UnknownSecret { known, .. } if known.is_empty() => {
                "remove it from `[package.metadata.pikku.lambda.secrets]`: the app reads no secret".to_owned()
            }
            Problem::UnknownSecret { known, .. } => format!("the app reads: {}", known.join(", ")),
            Problem::Yaml { .. } => "report it, with the manifest that `cargo pikku manifest` prints".to_owned(),
        }
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        match &self.problem {
            Problem::Schedule { expression, problem } => {
                write!(f, "the schedule `{expression}` cannot be written for EventBridge Scheduler: {problem}")
            }
            Problem::Setting { key, value, allowed } => write!(f, "`{key}` is {value}, and AWS takes {allowed}"),
            Problem::SharedSource { kind, name, other_group } => {
                write!(f, "the {kind} `{name}` already feeds the group `{other_group}`, and it can feed one only")
            }
            Problem::Property { name, value, allowed } => write!(f, "the {name} is {value}, and AWS takes {allowed}"),
            Problem::Method { method } => write!(f, "an HTTP API has no routes for the method `{method}`"),
            Problem::RouteTaken { route, other_group } => {
                write!(f, "the route `{route}` is already answered by the group `{other_group}`")
            }
            Problem::Environment { bytes } => {
                write!(f, "its environment has at least {bytes} bytes, and Lambda takes 4096")
            }
            Problem::Variable { name, service, reserved: true } => {
                write!(f, "the service `{service}` needs the variable `{name}`, which is not free to set")
            }
            Problem::Variable { name, service, reserved: false } => {
                write!(f, "the service `{service}` needs the variable `{name}`, a name that Lambda does not take")
            }
            Problem::Notifications { bucket, event, other } => {
                write!(f, "`{event}` of the bucket `{bucket}` already goes to {other}, and S3 tells one listener only")
            }
            Problem::LogicalId { id, first, second } => {
                write!(f, "{first} and {second} would both have the logical id `{id}`")
            }
            Problem::Name { kind, name, .. } => write!(f, "the {kind} `{name}` cannot have that name on AWS"),
            Problem::UnknownSecret { name, .. } => {
                write!(f, "the settings say where the secret `{name}` is kept, and no service reads it")
            }
            Problem::Yaml { reason } => write!(f, "the template could not be written as YAML: {reason}"),
        }
    }
}

impl std::error::Error for TemplateError {}

impl From<TemplateError> for Finding {
    fn from(error: TemplateError) -> Self {
        Self::new(error.code(), error.place.location.as_ref(), error.to_string(), error.fix())
    }
}

/// What is worth knowing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// The wiring takes any source of its kind, so nothing is created for it.
    AnySource {
        /// The kind.
        kind: &'static str,
    },
    /// An HTTP API gives up on an answer before the function does.
    SlowRoute {
        /// The function's timeout in seconds.
        timeout_s: u32,
    },
    /// A message can come back while it is still worked on.
    ShortVisibility {
        /// The visibility timeout in seconds.
        visibility_s: u32,
        /// What AWS advises, in seconds.
        advised_s: u32,
    },
    /// A message waits as long as the visibility timeout after every failure.
    RetryDelay,
    /// EventBridge starts a run whatever became of the one before.
    Overlap,
    /// EventBridge tries a run that it could not start, and that is all.
    Misfire,
    /// The environment can pass Lambda's limit once the names of the deployed resources are filled in.
    Environment {
        /// How many bytes it can have.
        bytes: usize,
    },
}

impl fmt::Display for TemplateWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        match &self.notice {
            Notice::AnySource { kind } => write!(f, "takes any {kind}, so the template creates none for it"),
            Notice::SlowRoute { timeout_s } => {
                write!(f, "an HTTP API waits 30 seconds for an answer, less than the timeout of {timeout_s} seconds")
            }
            Notice::ShortVisibility { visibility_s, advised_s } => write!(
                f,
                "a visibility timeout of {visibility_s} seconds lets a message come back while Lambda still retries it; \
                 AWS advises {advised_s} seconds, six times the function's timeout"
            ),
            Notice::RetryDelay => f.write_str(
                "SQS has no delay between the tries of a message: it waits for the visibility timeout, not for the wiring's \
                 retry delay",
            ),
            Notice::Overlap => f.write_str(
                "EventBridge starts a run whatever became of the one before, so runs may overlap in spite of the wiring",
            ),
            Notice::Misfire => f.write_str(
                "EventBridge tries for an hour to start a run, which the wiring's misfire policy does not change",
            ),
            Notice::Environment { bytes } => {
                write!(f, "its environment can grow to {bytes} bytes with long stack names, and Lambda takes 4096")
            }
        }
    }
}
