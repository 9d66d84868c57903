//! Scenarios as they are run.
//!
//! They are read in two stages: [`raw`](super::raw) takes what the file says, and [`load`](super::load) makes steps of it,
//! each a call with what is expected of it. A scenario that could pass without saying anything cannot be built.

use super::{caller::Caller, octets::Octets, target::Answer};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use chrono::DateTime;
use serde::Deserialize;
use serde_json::Value;
use std::{collections::BTreeMap, fmt};

/// Calls of one started app, with what each must come to.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The file it is in, without its folder and ending.
    pub file: String,
    /// What it shows.
    pub name: String,
    /// The group of the app that is called.
    pub group: String,
    /// The targets that it is run on; all where it names none.
    pub targets: Option<Vec<String>>,
    /// Texts that the log of every target must hold.
    pub logged: Vec<String>,
    /// The spans that a collector must get, each in words; without any, nothing is collected.
    pub spans: Vec<String>,
    /// Whether its client keeps the cookies that it is given, and sends them with what follows.
    pub keeps_cookies: bool,
    /// The calls, one after the other.
    pub steps: Vec<Step>,
}

/// A call and what is expected of it.
#[derive(Clone, Debug)]
pub struct Step {
    /// The call.
    pub call: Call,
    /// What must come of it.
    pub expected: Expected,
}

/// Something that reaches the app.
#[derive(Clone, Debug)]
pub enum Call {
    /// A request.
    Http(Request),
    /// Requests at the same time.
    Together(Vec<Request>),
    /// A batch of messages.
    Queue {
        /// The queue.
        queue: String,
        /// The messages.
        messages: Vec<Message>,
    },
    /// The run of a schedule.
    Schedule {
        /// The schedule.
        schedule: String,
        /// The time it is for.
        time: Time,
    },
    /// An event of a source that not every target has.
    Event(Event),
    /// A message over a WebSocket.
    Socket(Vec<u8>),
}

/// What feeds calls, other than requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Queues.
    Queue,
    /// Schedules.
    Schedule,
}

impl Scenario {
    /// Whether a call of it comes from that source.
    pub fn needs(&self, source: Source) -> bool {
        self.steps.iter().any(|step| match step.call {
            Call::Queue { .. } => source == Source::Queue,
            Call::Schedule { .. } => source == Source::Schedule,
            Call::Http(_) | Call::Together(_) | Call::Event(_) | Call::Socket(_) => false,
        })
    }

    /// How many of its calls are made at the same time, at most.
    pub fn most_at_once(&self) -> usize {
        let at_once = |step: &Step| if let Call::Together(requests) = &step.call { requests.len() } else { 1 };
        self.steps.iter().map(at_once).max().unwrap_or(1)
    }
}

/// A request.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The path as it is sent.
    pub path: String,
    /// The query as it is sent, without its question mark.
    pub query: String,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// What the platform says of who makes it.
    pub identity: Option<Identity>,
}

/// What a platform says of whom it has let in: JSON in its own form.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Identity {
    /// An authorizer of an HTTP API of Amazon API Gateway.
    HttpApi(Value),
    /// An authorizer of a REST API.
    RestApi(Value),
    /// App Service authentication of Azure.
    EasyAuth(Value),
}

/// A message of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The body.
    pub body: String,
    /// How often it has been handed over, this time included.
    pub attempt: u32,
    /// Who caused it, where that is signed.
    pub caller: Option<Caller>,
}

/// A moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Time {
    /// As RFC 3339 writes it.
    pub text: String,
    /// In milliseconds since the Unix epoch.
    pub ms: u64,
}

/// An event of a source that not every target has.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// A message of a topic.
    Topic {
        /// The topic.
        name: String,
        /// The message.
        message: String,
    },
    /// An event of an object.
    Object {
        /// The bucket.
        bucket: String,
        /// The event, such as `ObjectCreated:Put`.
        event: String,
        /// The key.
        key: String,
    },
    /// A change of a table's item, whose attributes are strings and numbers.
    Table {
        /// The table.
        name: String,
        /// `INSERT`, `MODIFY` or `REMOVE`.
        event: String,
        /// The key.
        keys: BTreeMap<String, Value>,
        /// The item as it is.
        #[serde(default)]
        new: Option<BTreeMap<String, Value>>,
        /// The item as it was.
        #[serde(default)]
        old: Option<BTreeMap<String, Value>>,
    },
    /// A record of a stream.
    Stream {
        /// The stream.
        name: String,
        /// The data.
        data: String,
    },
    /// An event of an event bus.
    Bus {
        /// Who sends it.
        source: String,
        /// What it is.
        detail_type: String,
        /// What happened.
        detail: Value,
    },
}

/// What must come of a call.
#[derive(Clone, Debug)]
pub enum Expected {
    /// An answer; several in any order to requests at the same time.
    Answers(Vec<ExpectedAnswer>),
    /// Whether each message, or the run or event, is done.
    Settled(Vec<Ending>),
}

/// What an answer must be.
#[derive(Clone, Debug)]
pub struct ExpectedAnswer {
    /// Its status.
    pub status: u16,
    /// These headers, by their names in lower case.
    pub headers: BTreeMap<String, Vec<String>>,
    /// Headers whose values tell of time: they are there, whatever they say.
    pub timed: Vec<String>,
    /// This body; without one, that of the first target.
    pub body: Option<Vec<u8>>,
}

/// How a message, a run or an event must end.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Done.
    Done,
    /// Failed, so that it is handed over again.
    Failed,
}

impl Scenario {
    /// Its name in the output: that of the file, then its own with underscores for spaces.
    pub fn title(&self) -> String {
        format!("{}::{}", self.file, self.name.replace(' ', "_"))
    }
}

impl Request {
    /// Reads `GET /path?query`.
    pub(super) fn parse(line: Octets) -> Result<Self, String> {
        let line = String::from_utf8(line.0).map_err(|_| "the request line of `http` is no text")?;
        let (method, target) = line.split_once(' ').ok_or("`http` is a method, a space and a path")?;
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        if !path.starts_with('/') || target.contains([' ', '#']) {
            return Err(format!("the path `{target}` of `http` begins with `/` and has neither a space nor `#`"));
        }
        Ok(Self { method: method.to_owned(), path: path.to_owned(), query: query.to_owned(), ..Self::default() })
    }

    /// The path with its query.
    pub fn target(&self) -> String {
        if self.query.is_empty() { self.path.clone() } else { format!("{}?{}", self.path, self.query) }
    }
}

impl Time {
    /// Reads a time of RFC 3339.
    pub(super) fn parse(text: String) -> Result<Self, String> {
        let time =
            DateTime::parse_from_rfc3339(&text).map_err(|why| format!("`time` is no time of RFC 3339: {why}"))?;
        let ms = u64::try_from(time.timestamp_millis()).map_err(|_| "`time` is before 1970")?;
        Ok(Self { text, ms })
    }
}

impl Event {
    /// What kind of source it comes from.
    pub fn source(&self) -> &'static str {
        match self {
            Self::Topic { .. } => "topics",
            Self::Object { .. } => "objects",
            Self::Table { .. } => "tables",
            Self::Stream { .. } => "streams",
            Self::Bus { .. } => "event buses",
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(request) => {
                write!(formatter, "{} {}", request.method, Octets(request.target().into_bytes()))
            }
            Self::Together(requests) => {
                let requests: Vec<_> = requests.iter().map(|one| format!("{} {}", one.method, one.target())).collect();
                write!(formatter, "{} at the same time", requests.join(" and "))
            }
            Self::Queue { queue, messages } => write!(formatter, "{} messages of the queue {queue}", messages.len()),
            Self::Schedule { schedule, time } => write!(formatter, "the schedule {schedule} for {}", time.text),
            Self::Event(event) => write!(formatter, "an event of {}", event.source()),
            Self::Socket(message) => write!(formatter, "saying {}", Octets(message.clone())),
        }
    }
}

impl ExpectedAnswer {
    /// An answer as a scenario declares it.
    pub(super) fn new(status: u16, headers: Vec<(String, String)>, timed: Vec<String>, body: Option<Vec<u8>>) -> Self {
        Self { status, headers: Answer::new(status, headers, Vec::new()).headers, timed, body }
    }
}

impl Identity {
    /// The header by which a client would pretend that the platform says it.
    pub(super) fn forged(&self) -> (String, String) {
        match self {
            Self::HttpApi(authorizer) | Self::RestApi(authorizer) => {
                let context = serde_json::json!({ "authorizer": authorizer });
                ("x-amzn-request-context".to_owned(), context.to_string())
            }
            Self::EasyAuth(principal) => Self::principal(principal),
        }
    }

    /// The header that App Service authentication adds.
    pub(super) fn principal(principal: &Value) -> (String, String) {
        ("x-ms-client-principal".to_owned(), BASE64_STANDARD.encode(principal.to_string()))
    }
}
