//! What a file of scenarios says, before it is known to make sense. Keys that nobody knows are refused.

use super::{
    caller::Caller,
    octets::Octets,
    scenario::{self, Call, Ending, Event, Expected, ExpectedAnswer, Identity, Message, Request, Time},
};
use pikku::call::CALLER;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scenario {
    pub(super) name: String,
    #[serde(default = "everywhere")]
    pub(super) group: String,
    pub(super) targets: Option<Vec<String>>,
    pub(super) because: Option<String>,
    #[serde(default)]
    pub(super) logged: Vec<String>,
    #[serde(default)]
    pub(super) spans: Vec<String>,
    #[serde(default)]
    pub(super) keeps_cookies: bool,
    pub(super) steps: Vec<Step>,
}

fn everywhere() -> String {
    "everywhere".to_owned()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    http: Option<Octets>,
    headers: Option<Headers>,
    body: Option<Octets>,
    caller: Option<Caller>,
    identity: Option<Identity>,
    together: Option<Vec<OneOfSeveral>>,
    queue: Option<String>,
    messages: Option<Vec<QueueMessage>>,
    schedule: Option<String>,
    time: Option<String>,
    event: Option<Event>,
    socket: Option<Octets>,
    expect: Expect,
}

/// A request among others at the same time.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OneOfSeveral {
    http: Octets,
    headers: Option<Headers>,
    body: Option<Octets>,
    caller: Option<Caller>,
    identity: Option<Identity>,
}

impl OneOfSeveral {
    fn resolve(self) -> Result<Request, String> {
        let headers = self.headers.map(Headers::pairs).unwrap_or_default();
        let (body, identity) = (self.body.unwrap_or_default().0, self.identity);
        let mut request = Request { headers, body, identity, ..Request::parse(self.http)? };
        if let Some(caller) = self.caller {
            let token = caller.signed_call(&request.path, &request.body)?;
            request.headers.push((CALLER.to_owned(), token));
        }
        Ok(request)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QueueMessage {
    body: Octets,
    #[serde(default = "first")]
    attempt: u32,
    caller: Option<Caller>,
}

impl QueueMessage {
    fn resolve(self) -> Result<Message, String> {
        let body = String::from_utf8(self.body.0).map_err(|_| "the `body` of a message is no text")?;
        Ok(Message { body, attempt: self.attempt, caller: self.caller })
    }
}

fn first() -> u32 {
    1
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    status: Option<u16>,
    headers: Option<Headers>,
    #[serde(default)]
    timed: Vec<String>,
    body: Option<Octets>,
    answers: Option<Vec<Expect>>,
    outcome: Option<Ending>,
    outcomes: Option<Vec<Ending>>,
}

/// One value or several for each name.
#[derive(Deserialize)]
struct Headers(BTreeMap<String, Values>);

#[derive(Deserialize)]
#[serde(untagged)]
enum Values {
    One(String),
    Several(Vec<String>),
}

impl Headers {
    fn pairs(self) -> Vec<(String, String)> {
        let pairs = self.0.into_iter().flat_map(|(name, values)| {
            let values = match values {
                Values::One(value) => vec![value],
                Values::Several(values) => values,
            };
            values.into_iter().map(move |value| (name.clone(), value))
        });
        pairs.collect()
    }
}

/// Reads a file's text.
pub(super) fn parse(text: &str) -> Result<Vec<Scenario>, String> {
    serde_saphyr::from_str(text).map_err(|why| why.to_string())
}

impl Step {
    /// Whether it is several calls.
    pub(super) fn is_together(&self) -> bool {
        self.together.is_some()
    }

    /// The call and what is expected; what does not belong to that kind of call is refused.
    pub(super) fn resolve(self) -> Result<scenario::Step, String> {
        let given: Vec<&str> = [
            ("http", self.http.is_some()),
            ("together", self.together.is_some()),
            ("queue", self.queue.is_some()),
            ("schedule", self.schedule.is_some()),
            ("event", self.event.is_some()),
            ("socket", self.socket.is_some()),
        ]
        .iter()
        .filter_map(|(name, given)| given.then_some(*name))
        .collect();
        let [kind] = given[..] else {
            return Err("it is one of `http`, `together`, `queue`, `schedule`, `event` and `socket`".to_owned());
        };
        for (key, given, of) in [
            ("headers", self.headers.is_some(), "http"),
            ("body", self.body.is_some(), "http"),
            ("caller", self.caller.is_some(), "http"),
            ("identity", self.identity.is_some(), "http"),
            ("messages", self.messages.is_some(), "queue"),
            ("time", self.time.is_some(), "schedule"),
        ] {
            if given && of != kind {
                return Err(format!("`{key}` belongs to `{of}`, not to `{kind}`"));
            }
        }
        let Self {
            http,
            headers,
            body,
            caller,
            identity,
            together,
            queue,
            messages,
            schedule,
            time,
            event,
            socket,
            expect,
        } = self;
        let (call, expected) = if let Some(http) = http {
            let request = OneOfSeveral { http, headers, body, caller, identity }.resolve()?;
            (Call::Http(request), Expected::Answers(vec![expect.answer()?]))
        } else if let Some(requests) = together {
            let expected = expect.answers(requests.len())?;
            (Call::Together(requests.into_iter().map(OneOfSeveral::resolve).collect::<Result<_, _>>()?), expected)
        } else if let Some(queue) = queue {
            let messages = messages.filter(|messages| !messages.is_empty()).ok_or("`queue` wants `messages`")?;
            let expected = expect.outcomes(messages.len())?;
            let messages = messages.into_iter().map(QueueMessage::resolve).collect::<Result<_, _>>()?;
            (Call::Queue { queue, messages }, expected)
        } else if let Some(schedule) = schedule {
            let time = Time::parse(time.ok_or("`schedule` wants a `time`")?)?;
            (Call::Schedule { schedule, time }, expect.outcome()?)
        } else if let Some(event) = event {
            (Call::Event(event), expect.outcome()?)
        } else {
            (Call::Socket(socket.unwrap_or_default().0), Expected::Answers(vec![expect.answer()?]))
        };
        Ok(scenario::Step { call, expected })
    }
}

impl Expect {
    fn answer(self) -> Result<ExpectedAnswer, String> {
        if self.outcome.is_some() || self.outcomes.is_some() || self.answers.is_some() {
            return Err(
                "`expect` of an answer has `status`, `headers` and `body`, not an outcome, nor `answers`".to_owned()
            );
        }
        let status = self.status.ok_or("`expect` has no `status`")?;
        let headers = self.headers.map(Headers::pairs).unwrap_or_default();
        Ok(ExpectedAnswer::new(status, headers, self.timed, self.body.map(|body| body.0)))
    }

    fn answers(mut self, requests: usize) -> Result<Expected, String> {
        let answers = self.answers.take().unwrap_or_default();
        if requests < 2 || answers.len() != requests || self.outcome.is_some() || self.outcomes.is_some() {
            return Err("`together` has two requests or more, and `expect` as many `answers`".to_owned());
        }
        self.no_answer()?;
        Ok(Expected::Answers(answers.into_iter().map(Self::answer).collect::<Result<_, _>>()?))
    }

    fn outcome(self) -> Result<Expected, String> {
        self.no_answer()?;
        match (self.outcome, self.outcomes) {
            (Some(outcome), None) => Ok(Expected::Settled(vec![outcome])),
            _ => Err("`expect` has no `outcome`, which is `done` or `failed`".to_owned()),
        }
    }

    fn outcomes(self, messages: usize) -> Result<Expected, String> {
        self.no_answer()?;
        match (self.outcome, self.outcomes) {
            (None, Some(outcomes)) if outcomes.len() == messages => Ok(Expected::Settled(outcomes)),
            _ => Err("`expect` wants `outcomes`, `done` or `failed` for each message".to_owned()),
        }
    }

    fn no_answer(&self) -> Result<(), String> {
        let answers = self.answers.is_some() || self.status.is_some() || self.headers.is_some() || self.body.is_some();
        if answers || !self.timed.is_empty() {
            return Err("`expect` has `status`, `headers` or `body`, and there is no one answer".to_owned());
        }
        Ok(())
    }
}
