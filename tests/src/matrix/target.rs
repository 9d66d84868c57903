use super::scenario::{Event, Identity, Message, Request, Scenario, Source, Time};
use futures_util::future::join_all;
use std::collections::BTreeMap;

/// A variable, with its value.
pub type Variable = (&'static str, String);

/// Something that the app runs on.
///
/// A target is one file that implements this and one line in [`TARGETS`](super::TARGETS). Each scenario gets one of its own.
/// What fails is told in words: it fails the scenario.
#[expect(async_fn_in_trait, reason = "a target lives on the thread of its scenario")]
pub trait Target: Sized {
    /// Its name, as scenarios write it.
    const NAME: &'static str;

    /// The sources that it does not offer, each with the reason. A scenario that needs one and names no targets is not run
    /// here, and its title says so.
    const LACKS: &'static [(Source, &'static str)] = &[];

    /// Starts the group of the app that a scenario calls, with these variables set.
    async fn start(scenario: &Scenario, variables: &[Variable]) -> Result<Self, String>;

    /// Whether the platform itself can say this of a caller. Where it cannot, a request has it in a header instead, as a client
    /// writes it that pretends to be that platform.
    fn vouches(_: &Identity) -> bool {
        false
    }

    /// Sends a request.
    async fn http(&self, request: &Request) -> Result<Answer, String>;

    /// Sends requests at the same time; the answers in their order.
    async fn together(&self, requests: &[Request]) -> Result<Vec<Answer>, String> {
        join_all(requests.iter().map(|request| self.http(request))).await.into_iter().collect()
    }

    /// Hands over a batch of messages; what each came to, in their order.
    async fn queue(&self, queue: &str, _messages: &[Message]) -> Result<Vec<Settled>, String> {
        Err(format!("it has no queue `{queue}`: say in `LACKS` that it has none"))
    }

    /// Runs a schedule as if it were that time.
    async fn schedule(&self, schedule: &str, _time: &Time) -> Result<Settled, String> {
        Err(format!("it has no schedule `{schedule}`: say in `LACKS` that it has none"))
    }

    /// Hands over an event of a source that not every target has.
    async fn event(&self, event: &Event) -> Result<Settled, String> {
        Err(format!("it has no source of {}: say in `targets` which have", event.source()))
    }

    /// Says something over a WebSocket; the reply.
    async fn say(&self, _message: &[u8]) -> Result<Answer, String> {
        Err("it has no WebSockets: say in `targets` which have".to_owned())
    }

    /// What the app has logged so far.
    async fn log(&self) -> Vec<String>;
}

/// The answer to a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers by their names in lower case: one value each, but all those of `set-cookie`.
    pub headers: BTreeMap<String, Vec<String>>,
    /// Its body.
    pub body: Vec<u8>,
}

/// What belongs to the connection, or to this one request, and not to the answer.
const TRANSPORT: [&str; 7] =
    ["connection", "content-length", "date", "keep-alive", "server", "transfer-encoding", "x-request-id"];

impl Answer {
    /// An answer as it came. The values of a header that is no cookie are joined (RFC 9110, section 5.3), and those that
    /// belong to the connection are left out.
    pub fn new(status: u16, headers: impl IntoIterator<Item = (String, String)>, body: impl Into<Vec<u8>>) -> Self {
        let mut answer = Self { status, headers: BTreeMap::new(), body: body.into() };
        for (name, value) in headers {
            let name = name.to_ascii_lowercase();
            if TRANSPORT.contains(&name.as_str()) {
                continue;
            }
            let values = answer.headers.entry(name.clone()).or_default();
            match values.first_mut() {
                Some(known) if name != "set-cookie" => *known = format!("{known}, {value}"),
                _ => values.push(value),
            }
        }
        answer
    }
}

impl Answer {
    /// The same without the headers of these names.
    pub(super) fn without(&self, names: &[String]) -> Self {
        let mut answer = self.clone();
        answer.headers.retain(|name, _| !names.contains(name));
        answer
    }
}

/// What a message, a run or an event came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It is done.
    Done,
    /// It failed and would be handed over again; what the platform was told of it.
    Failed(String),
}

impl Settled {
    /// What a call's result comes to.
    pub(super) fn of<T, E: ToString>(result: Result<T, E>) -> Self {
        result.map_or_else(|why| Self::Failed(why.to_string()), |_| Self::Done)
    }
}
