//! The server: the connection to it, and what its errors mean.

use super::NatsSettings;
use crate::{EngineError, ErrorKind};
use async_nats::{
    Client, ConnectOptions,
    connection::State,
    error::Error,
    jetstream::{
        self, Context,
        context::{CreateStreamErrorKind, GetStreamErrorKind, KeyValueErrorKind, PublishErrorKind, RequestErrorKind},
        kv::{CreateErrorKind, EntryErrorKind, UpdateErrorKind},
        stream::{ConsumerErrorKind, DeleteMessageErrorKind, LastRawMessageErrorKind, PurgeErrorKind},
    },
};
use std::{
    fmt,
    time::{Duration, Instant},
};

/// The room of a message for what accompanies its body, in octets.
const HEADERS: usize = 8 * 1024;

/// A server, or a cluster of them.
#[derive(Clone)]
pub(super) struct Store {
    pub(super) place: String,
    pub(super) settings: NatsSettings,
    pub(super) client: Client,
    pub(super) context: Context,
}

impl fmt::Debug for Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Store").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Store {
    /// Connects, trying until the patience is at its end.
    pub(super) async fn connect(url: &str, mut settings: NatsSettings) -> Result<Self, EngineError> {
        let (address, place) = read_url(url, &mut settings)?;
        let begun = Instant::now();
        let mut pause = Duration::from_millis(20);
        let client = loop {
            let error = match options(&settings, &place).await?.connect(address.clone()).await {
                Ok(client) => break client,
                Err(error) => error,
            };
            use async_nats::ConnectErrorKind as Kind;
            if matches!(error.kind(), Kind::Authentication | Kind::AuthorizationViolation | Kind::ServerParse) {
                return Err(EngineError::new(ErrorKind::Store, place, "it refuses the connection").caused_by(error));
            }
            if begun.elapsed() + pause > settings.patience {
                return Err(EngineError::new(ErrorKind::Unavailable, place, "it cannot be reached").caused_by(error));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(500));
        };
        let attempt = settings.attempt();
        let context = jetstream::ContextBuilder::new().timeout(attempt).ack_timeout(attempt).build(client.clone());
        Ok(Self { place, settings, client, context })
    }

    /// The most octets that a message may have with what accompanies it.
    pub(super) fn payload(&self) -> usize {
        self.client.max_payload()
    }

    /// The limits of messages, which the server's are a part of.
    pub(super) fn limits(&self) -> crate::Limits {
        let mut limits = self.settings.limits;
        limits.size = limits.size.min(self.payload().saturating_sub(HEADERS));
        limits
    }

    pub(super) fn is_connected(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    /// What an error of the client means.
    pub(super) fn failed<K: Kind>(&self, error: Error<K>) -> EngineError {
        let (kind, reason) = match error.kind().meaning() {
            Meaning::Answer(answer) => (kind_of(&answer), format!("NATS answers: {answer}")),
            Meaning::Absent => (ErrorKind::Unavailable, "it does not answer".to_owned()),
            Meaning::Limit => (ErrorKind::Limit, "the message is larger than the server takes".to_owned()),
            Meaning::Refusal => (ErrorKind::Store, "it refuses".to_owned()),
        };
        EngineError::new(kind, self.place.clone(), reason).caused_by(error)
    }

    pub(super) fn silent(&self) -> EngineError {
        EngineError::new(ErrorKind::Unavailable, self.place.clone(), "it does not answer")
    }
}

/// Does something again until the store is there, or the patience is at its end: nothing but what may be done twice.
macro_rules! persist {
    ($store:expr, $work:expr) => {{
        let begun = std::time::Instant::now();
        loop {
            match $work.await {
                Err(error)
                    if error.kind() == crate::ErrorKind::Unavailable && begun.elapsed() < $store.settings.patience =>
                {
                    tokio::time::sleep(std::time::Duration::from_millis(fastrand::u64(50..150))).await;
                }
                result => break result,
            }
        }
    }};
}
pub(super) use persist;

/// Takes what is ours out of the query of a URL, and the password out of what is shown.
fn read_url(url: &str, settings: &mut NatsSettings) -> Result<(Vec<async_nats::ServerAddr>, String), EngineError> {
    let refuse = |reason: String| EngineError::new(ErrorKind::Spec, "PIKKU_QUEUES", reason);
    let (address, query) = url.split_once('?').unwrap_or((url, ""));
    for part in query.split('&').filter(|part| !part.is_empty()) {
        match part.split_once('=') {
            Some(("replicas", number)) => {
                let replicas = number.parse().ok().filter(|replicas| (1..=5).contains(replicas));
                settings.replicas = replicas.ok_or_else(|| refuse(format!("`replicas={number}`: it may be 1 to 5")))?;
            }
            Some(("credentials", path)) => settings.credentials = Some(path.into()),
            _ => {
                let name = part.split('=').next().unwrap_or_default();
                return Err(refuse(format!("the URL of NATS has `{name}`; it may have `replicas` and `credentials`")));
            }
        }
    }
    let mut servers = Vec::new();
    let mut place = Vec::new();
    for server in address.split(',') {
        let server: async_nats::ServerAddr =
            server.parse().map_err(|_| refuse("it is no URL of a NATS server".to_owned()))?;
        place.push(format!("{}://{}:{}", server.scheme(), server.host(), server.port()));
        servers.push(server);
    }
    Ok((servers, place.join(",")))
}

async fn options(settings: &NatsSettings, place: &str) -> Result<ConnectOptions, EngineError> {
    let options = ConnectOptions::new()
        .name("pikku")
        .connection_timeout(settings.attempt())
        .request_timeout(Some(settings.attempt()))
        .ping_interval(Duration::from_secs(15))
        .reconnect_delay_callback(|attempts| {
            let exponent = u32::try_from(attempts.min(6)).unwrap_or(6);
            Duration::from_millis(20 * 2_u64.pow(exponent)).mul_f64(0.5 + fastrand::f64() / 2.0)
        });
    let Some(file) = &settings.credentials else { return Ok(options) };
    options.credentials_file(file).await.map_err(|source| {
        let reason = format!("the credentials in {} cannot be read", file.display());
        EngineError::new(ErrorKind::Store, place, reason).caused_by(source)
    })
}

/// What an error comes to.
pub(super) enum Meaning {
    /// JetStream's own answer.
    Answer(jetstream::Error),
    /// Nobody answered.
    Absent,
    /// The message is too large.
    Limit,
    /// Anything else.
    Refusal,
}

/// The kinds of errors of the client's many calls.
pub(super) trait Kind: Clone + fmt::Debug + fmt::Display + PartialEq + Send + Sync + 'static {
    fn meaning(&self) -> Meaning;
}

macro_rules! kinds {
    ($($kind:ident { answer: [$($answer:ident),*], refusal: [$($refusal:ident),*] })*) => {
        $(impl Kind for $kind {
            fn meaning(&self) -> Meaning {
                match self {
                    $(Self::$answer(answer) => Meaning::Answer(answer.clone()),)*
                    $(Self::$refusal => Meaning::Refusal,)*
                    _ => Meaning::Absent,
                }
            }
        })*
    };
}

kinds! {
    CreateStreamErrorKind { answer: [JetStream], refusal: [EmptyStreamName, InvalidStreamName, DomainAndExternalSet] }
    GetStreamErrorKind { answer: [JetStream], refusal: [EmptyName, InvalidStreamName] }
    ConsumerErrorKind { answer: [JetStream], refusal: [InvalidConsumerType, InvalidName] }
    LastRawMessageErrorKind { answer: [JetStream], refusal: [NoMessageFound, InvalidSubject] }
    DeleteMessageErrorKind { answer: [JetStream], refusal: [] }
    PurgeErrorKind { answer: [JetStream], refusal: [] }
    KeyValueErrorKind { answer: [], refusal: [InvalidStoreName] }
    EntryErrorKind { answer: [], refusal: [InvalidKey] }
    UpdateErrorKind { answer: [], refusal: [InvalidKey, WrongLastRevision] }
    CreateErrorKind { answer: [], refusal: [InvalidKey, AlreadyExists] }
    RequestErrorKind { answer: [], refusal: [InvalidSubject] }
}

impl Kind for async_nats::RequestErrorKind {
    fn meaning(&self) -> Meaning {
        Meaning::Absent
    }
}

impl Kind for PublishErrorKind {
    fn meaning(&self) -> Meaning {
        match self {
            Self::MaxPayloadExceeded => Meaning::Limit,
            Self::WrongLastMessageId | Self::WrongLastSequence => Meaning::Refusal,
            _ => Meaning::Absent,
        }
    }
}

fn kind_of(answer: &jetstream::Error) -> ErrorKind {
    use jetstream::ErrorCode as Code;
    match answer.error_code() {
        Code::STREAM_NOT_FOUND | Code::CONSUMER_NOT_FOUND => ErrorKind::UnknownQueue,
        Code::INSUFFICIENT_RESOURCES
        | Code::STORAGE_RESOURCES_EXCEEDED
        | Code::MEMORY_RESOURCES_EXCEEDED
        | Code::ACCOUNT_RESOURCES_EXCEEDED => ErrorKind::Full,
        _ if answer.code() == 503 => ErrorKind::Unavailable,
        _ => ErrorKind::Store,
    }
}
