use super::{
    Policy,
    otlp::{Envelope, Record, Taken},
    settings::{self, RESOURCE, SAMPLER, SAMPLER_ARGUMENT, SERVICE, Sampler},
};
use crate::text::Text;
use pikku::{
    BoxError, BoxFuture, Bytes, Need, Platform, Problem, Service,
    http::transport::{OutgoingRequest, Transport, base_url, post},
    platform::{Level, LogLine},
    service::{Construct, Container, Handle, Plan, Scope, Secrets, Singleton},
};
use std::{
    borrow::Cow,
    fmt,
    future::Future,
    marker::PhantomData,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// The most spans that wait, and their octets.
const MOST_WAITING: usize = 2_048;
const MOST_OCTETS: usize = 1 << 20;
/// The most spans of a request.
const MOST_SENT: usize = 512;
/// The most requests that one call makes; a later one goes on.
const MOST_REQUESTS: usize = 32;
/// The most octets of a collector's answer.
const LONGEST_ANSWER: usize = 64 << 10;
/// How long a collector is left alone that does not take spans, in milliseconds, and how long at the most.
const PAUSE_MS: u64 = 5_000;
const LONGEST_PAUSE_MS: u64 = 300_000;

/// The spans of a policy that wait for the collector; off where none is named.
pub struct Spans<P> {
    exporter: Option<Arc<Exporter>>,
    policy: PhantomData<fn() -> P>,
}

impl<P: Policy> Spans<P> {
    const NAMED: &'static Text<96> = &Text::new().with("Spans<").with(P::NAME).with(">");

    /// What it needs where the collector wants headers, which are the first of it.
    const ALL_NEEDS: &'static [Need] = &[
        Need::ReadSecret(match P::HEADERS {
            Some(name) => name,
            None => "",
        }),
        Need::OptionalVariable(P::ENDPOINT),
        Need::OptionalVariable(SERVICE),
        Need::OptionalVariable(RESOURCE),
        Need::OptionalVariable(SAMPLER),
        Need::OptionalVariable(SAMPLER_ARGUMENT),
    ];

    pub(super) fn exporter(&self) -> Option<&Arc<Exporter>> {
        self.exporter.as_ref()
    }

    fn made(platform: &Arc<dyn Platform>, secrets: Secrets) -> Result<Self, BoxError> {
        let mut mistakes = Vec::new();
        let endpoint = settings::set(&**platform, P::ENDPOINT);
        let url = endpoint.map(|url| base_url(&url, P::IN_THE_CLEAR)).transpose().map_err(|error| {
            let what = "is not the base URL of a collector, such as https://otlp.example";
            format!("the variable {} {what}: {error}", P::ENDPOINT).into()
        });
        let url = noted(url, &mut mistakes);
        let sampler = noted(Sampler::of_environment(&**platform), &mut mistakes);
        let said = settings::resource(&**platform, P::NAME);
        let envelope = noted(said.and_then(|said| Ok(Envelope::new(&said)?)), &mut mistakes);
        let (Some(url), Some(sampler), Some(envelope)) = (url, sampler, envelope) else {
            return Err(mistakes.join("; ").into());
        };
        let exporter = url.map(|url| {
            Arc::new(Exporter {
                url: url + "/v1/traces",
                transport: Box::new(P::Transport::default()),
                headers: P::HEADERS.map(|name| (secrets, name)),
                patience: Duration::from_millis(P::TIMEOUT_MS.into()),
                platform: Arc::clone(platform),
                sampler,
                envelope,
                state: Mutex::default(),
            })
        });
        Ok(Self { exporter, policy: PhantomData })
    }
}

/// What is as it should be; what is not is a mistake more.
fn noted<T>(result: Result<T, BoxError>, mistakes: &mut Vec<String>) -> Option<T> {
    result.map_err(|error| mistakes.push(error.to_string())).ok()
}

impl<P> fmt::Debug for Spans<P> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Spans").field("exporter", &self.exporter).finish()
    }
}

impl<P: Policy> Service for Spans<P> {
    type Lifetime = Singleton;
    const NAME: &'static str = Self::NAMED.as_str();
    const NEEDS: &'static [Need] = match P::HEADERS {
        Some(_) => Self::ALL_NEEDS,
        None => Self::ALL_NEEDS.split_at(1).1,
    };
    const DEPENDS_ON: &'static [&'static str] = &[Secrets::NAME];
    const DEPTH_OF_THE_SERVICES_BELOW: usize = 1;

    fn plan(plan: &mut Plan) {
        plan.singleton::<Self>(Secrets::plan);
    }

    fn get<'s>(scope: &'s Scope<'_>) -> impl Future<Output = Result<Handle<'s, Self>, Problem>> + Send {
        std::future::ready(Ok(scope.singleton()))
    }
}

impl<P: Policy> Construct for Spans<P> {
    fn construct(container: &Container) -> BoxFuture<'_, Result<Self, BoxError>> {
        let secrets: &Secrets = container.get();
        Box::pin(std::future::ready(Self::made(container.platform(), secrets.clone())))
    }
}

/// Sends spans to a collector, one request at a time.
pub(super) struct Exporter {
    url: String,
    transport: Box<dyn Transport>,
    headers: Option<(Secrets, &'static str)>,
    patience: Duration,
    platform: Arc<dyn Platform>,
    sampler: Sampler,
    envelope: Envelope,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// As JSON, the oldest first.
    waiting: Vec<String>,
    octets: usize,
    is_sending: bool,
    /// When the collector may be asked again, and how long it was left alone last.
    again_ms: u64,
    pause_ms: u64,
    /// How many were lost since that was told.
    lost: u64,
}

impl State {
    fn add(&mut self, span: String) {
        if self.waiting.len() >= MOST_WAITING || self.octets + span.len() > MOST_OCTETS {
            self.lost += 1;
            return;
        }
        self.octets += span.len();
        self.waiting.push(span);
    }
}

/// What came of a request.
enum Sent {
    /// The spans are there. So many are refused for good, for that reason.
    Taken(u64, String),
    /// The spans may be sent again, so long after now, for that reason.
    NotNow(Option<u64>, String),
    /// They may not.
    Refused(String),
}

impl Exporter {
    pub(super) fn sampler(&self) -> &Sampler {
        &self.sampler
    }

    /// Keeps a span until it is sent.
    pub(super) fn push(&self, record: &Record) {
        // What it is made of is text and numbers.
        if let Ok(span) = record.to_json() {
            self.state().add(span);
        }
    }

    /// Sends what waits until nothing does, unless somebody is at it already.
    pub(super) fn flush(self: &Arc<Self>) -> BoxFuture<'static, ()> {
        let exporter = Arc::clone(self);
        Box::pin(async move {
            for _ in 0..MOST_REQUESTS {
                let Some(sending) = Sending::begin(&exporter) else { return };
                let sent = exporter.send(&sending.spans).await;
                sending.end(sent);
            }
        })
    }

    async fn send(&self, spans: &[String]) -> Sent {
        let mut headers = vec![(Cow::from("content-type"), "application/json".to_owned())];
        if let Some((secrets, name)) = &self.headers {
            let read = secrets.read(name).await.map_err(|error| error.to_string());
            let given = read.and_then(|secret| {
                settings::pairs(secret.expose()).map_err(|why| format!("the secret `{name}` is not valid: {why}"))
            });
            match given {
                Ok(given) => headers.extend(given.into_iter().map(|(name, value)| (Cow::from(name), value))),
                Err(why) => return Sent::NotNow(None, why),
            }
        }
        let body = Bytes::from(self.envelope.around(spans));
        let (url, patience) = (&*self.url, self.patience);
        let request = OutgoingRequest { url, headers: &headers, body, most: LONGEST_ANSWER, patience };
        let answer = match post(&*self.transport, request, &*self.platform).await {
            Some(Ok(answer)) => answer,
            Some(Err(error)) => return Sent::NotNow(None, error.to_string()),
            None => return Sent::NotNow(None, format!("it did not answer within {patience:?}")),
        };
        match answer.status {
            200..=299 => {
                let taken: Taken = serde_json::from_slice(&answer.body).unwrap_or_default();
                let (refused, why) = taken.refused();
                Sent::Taken(refused, why.to_owned())
            }
            // "Failures" of OTLP/HTTP: these alone may be tried again.
            status @ (429 | 502 | 503 | 504) => {
                let after_s: Option<u64> = answer.retry_after.and_then(|after| after.trim().parse().ok());
                Sent::NotNow(after_s.map(|seconds| seconds.saturating_mul(1_000)), format!("it answered {status}"))
            }
            status => Sent::Refused(format!("it answered {status}")),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, level: Level, message: &str, detail: &str) {
        self.platform.log(&LogLine { detail: Some(detail), ..LogLine::new(level, message) });
    }
}

impl fmt::Debug for Exporter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Exporter").field("url", &self.url).finish_non_exhaustive()
    }
}

/// Spans on their way. Where it is dropped, as at the deadline of the call that sends them, they wait again.
struct Sending<'a> {
    exporter: &'a Exporter,
    spans: Vec<String>,
    has_ended: bool,
}

impl<'a> Sending<'a> {
    /// `None` where nothing waits, somebody is at it, or the collector is to be left alone.
    fn begin(exporter: &'a Exporter) -> Option<Self> {
        let now_ms = exporter.platform.now_ms();
        let mut state = exporter.state();
        if state.is_sending || state.waiting.is_empty() || now_ms < state.again_ms {
            return None;
        }
        state.is_sending = true;
        let most = state.waiting.len().min(MOST_SENT);
        let spans: Vec<String> = state.waiting.drain(..most).collect();
        state.octets -= spans.iter().map(String::len).sum::<usize>();
        drop(state);
        Some(Self { exporter, spans, has_ended: false })
    }

    fn end(mut self, sent: Sent) {
        let exporter = self.exporter;
        self.has_ended = true;
        match sent {
            Sent::Taken(refused, why) => {
                self.spans.clear();
                let mut state = exporter.state();
                let was_away = mem::take(&mut state.pause_ms) > 0;
                let lost = mem::take(&mut state.lost);
                drop(state);
                if was_away || lost > 0 {
                    exporter.tell(Level::Info, "the collector takes spans", &format!("{lost} were lost before"));
                }
                if refused > 0 {
                    exporter.tell(Level::Warn, "the collector has refused spans", &format!("{refused}: {why}"));
                }
            }
            Sent::NotNow(after_ms, why) => self.leave_alone(after_ms, &why),
            Sent::Refused(why) => {
                let lost = mem::take(&mut self.spans).len() as u64;
                exporter.state().lost += lost;
                self.leave_alone(None, &why);
            }
        }
    }

    /// Asks the collector no sooner than that.
    fn leave_alone(&self, after_ms: Option<u64>, why: &str) {
        let now_ms = self.exporter.platform.now_ms();
        let mut state = self.exporter.state();
        let is_first = state.pause_ms == 0;
        let pause_ms = after_ms.unwrap_or(state.pause_ms.saturating_mul(2));
        state.pause_ms = pause_ms.clamp(PAUSE_MS, LONGEST_PAUSE_MS);
        state.again_ms = now_ms.saturating_add(state.pause_ms);
        drop(state);
        if is_first {
            self.exporter.tell(Level::Warn, "the collector takes no spans", why);
        }
    }
}

impl Drop for Sending<'_> {
    fn drop(&mut self) {
        if !self.has_ended {
            self.leave_alone(None, "it did not answer before the call was over");
        }
        let mut state = self.exporter.state();
        state.is_sending = false;
        // They are older than those that wait.
        let later = mem::take(&mut state.waiting);
        state.octets = 0;
        for span in mem::take(&mut self.spans).into_iter().chain(later) {
            state.add(span);
        }
    }
}
