//! Scenarios as they are run.
//!
//! They are read in two stages: [`raw`](super::raw) takes what the file says, and here it becomes steps, each a call with
//! what is expected of it. A scenario that could pass without saying anything cannot be built.

use super::{octets::Octets, raw, target::Answer};
use chrono::DateTime;
use serde::Deserialize;
use serde_json::Value;
use std::{collections::BTreeMap, fmt, fs, io, path::Path};

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
}

/// A message of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The body.
    pub body: String,
    /// How often it has been handed over, this time included.
    pub attempt: u32,
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
    /// An answer.
    Answer {
        /// Its status.
        status: u16,
        /// These headers, by their names in lower case.
        headers: BTreeMap<String, Vec<String>>,
        /// This body; without one, that of the first target.
        body: Option<Vec<u8>>,
    },
    /// Whether each message, or the run or event, is done.
    Settled(Vec<Ending>),
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

/// A file or a scenario that is none.
#[derive(Clone, Debug)]
pub struct Malformed {
    /// The file.
    pub file: String,
    /// Which scenario and step, and what is wrong.
    pub reason: String,
}

impl fmt::Display for Malformed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "tests/scenarios/{}.yaml: {}", self.file, self.reason)
    }
}

/// The scenarios of every file of a folder, or what is wrong with a file.
///
/// # Errors
///
/// The folder or a file cannot be read.
pub fn load(folder: &Path, targets: &[&str]) -> io::Result<Vec<Result<Scenario, Malformed>>> {
    let mut files: Vec<_> =
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    files.retain(|path| path.extension().is_some_and(|ending| ending == "yaml"));
    files.sort();
    let mut all = Vec::new();
    for path in files {
        let file = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        match read(&file, &fs::read_to_string(&path)?, targets) {
            Ok(scenarios) => all.extend(scenarios.into_iter().map(Ok)),
            Err(reason) => all.push(Err(Malformed { file, reason })),
        }
    }
    Ok(all)
}

/// The scenarios of a file.
pub(super) fn read(file: &str, text: &str, targets: &[&str]) -> Result<Vec<Scenario>, String> {
    let scenarios = raw::parse(text)?;
    if scenarios.is_empty() {
        return Err("there is no scenario in it".to_owned());
    }
    let mut read: Vec<Scenario> = Vec::with_capacity(scenarios.len());
    for scenario in scenarios {
        let name = scenario.name.clone();
        if read.iter().any(|known| known.name == name) {
            return Err(format!("the name `{name}` is given twice"));
        }
        read.push(resolve(file, scenario, targets).map_err(|reason| format!("the scenario `{name}`: {reason}"))?);
    }
    Ok(read)
}

fn resolve(file: &str, raw: raw::Scenario, targets: &[&str]) -> Result<Scenario, String> {
    match (&raw.targets, &raw.because) {
        (Some(_), None) => return Err("`targets` wants a `because` that says why the others are left out".to_owned()),
        (None, Some(_)) => return Err("`because` gives the reason for `targets`, and there are none".to_owned()),
        _ => {}
    }
    if let Some(unknown) = raw.targets.iter().flatten().find(|name| !targets.contains(&name.as_str())) {
        return Err(format!("`targets` names `{unknown}`, which is none of {}", targets.join(", ")));
    }
    if raw.steps.is_empty() || raw.targets.as_ref().is_some_and(Vec::is_empty) {
        return Err("it has no `steps`, or no `targets`".to_owned());
    }
    let steps = raw.steps.into_iter().enumerate();
    let steps = steps.map(|(index, step)| step.resolve().map_err(|reason| format!("step {}: {reason}", index + 1)));
    Ok(Scenario {
        file: file.to_owned(),
        name: raw.name,
        group: raw.group,
        targets: raw.targets,
        logged: raw.logged,
        steps: steps.collect::<Result<_, _>>()?,
    })
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
            Self::Queue { queue, messages } => write!(formatter, "{} messages of the queue {queue}", messages.len()),
            Self::Schedule { schedule, time } => write!(formatter, "the schedule {schedule} for {}", time.text),
            Self::Event(event) => write!(formatter, "an event of {}", event.source()),
            Self::Socket(message) => write!(formatter, "saying {}", Octets(message.clone())),
        }
    }
}

impl Expected {
    /// An answer as a scenario declares it.
    pub(super) fn answer(status: u16, headers: Vec<(String, String)>, body: Option<Vec<u8>>) -> Self {
        Self::Answer { status, headers: Answer::new(status, headers, Vec::new()).headers, body }
    }
}
