//! Amazon SQS.
//!
//! # Which queues
//! `PIKKU_RESOURCES` gives the URLs of queues that are deployed, `{"queue:orders": "https://…"}`, as it does on Lambda; how
//! they behave is said where they are deployed. With a prefix, `PIKKU_QUEUES=sqs:shop`, other queues are made as
//! `shop-NAME`, each with a dead-letter queue `shop-NAME-dead` (and `.fifo`); a dot in a name is two underscores there.
//!
//! # Who asks
//! `AWS_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN` of the environment, as they are when the
//! engine is opened. `AWS_ENDPOINT_URL_SQS` or `AWS_ENDPOINT_URL` name another endpoint.
//!
//! # What it cannot
//! It says so when queues are declared: no priorities, no schedules (their leases need a store that can compare and set), no
//! limit over instances, deduplication in FIFO queues alone and for five minutes, delays of 15 minutes at most and none of
//! single messages of a FIFO queue, figures that are near, dead letters that are listed by being delivered. A message is
//! hidden for 12 hours at most, and spans are rounded up to seconds.

mod call;
mod dead;
mod delivery;
mod envelope;
mod queue;

use crate::{
    Answer, Clock, DeadLetter, Delivery, EngineError, Enqueued, ErrorKind, Guarantee, Limits, NewMessage, QueueEngine,
    QueueSpec, QueueStats, Receipt, ScheduleStore, Settled, Settlement, Shortfall, SystemClock, Time, Which,
};
use aws_credential_types::Credentials;
use call::Service;
use delivery::Held;
use queue::Queues;
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

/// What an engine on SQS may be told. Its `Debug` hides the secret.
#[derive(Clone, Debug)]
pub struct SqsSettings {
    /// The time of day, for what deliveries say.
    pub clock: Arc<dyn Clock>,
    /// How long SQS is waited for where it does not answer. 5 s where nothing is said.
    pub patience: Duration,
    /// The most that it takes.
    pub limits: Limits,
    /// The URLs of queues that are deployed, by their logical names.
    pub resources: BTreeMap<String, String>,
    /// What the names of other queues begin with; none where all of them are deployed.
    pub prefix: Option<String>,
    /// The region.
    pub region: String,
    /// Another endpoint than that of the region.
    pub endpoint: Option<String>,
    /// Who asks.
    pub credentials: Credentials,
}

impl SqsSettings {
    /// Reads the variables that AWS's own tools read, and `PIKKU_RESOURCES`.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] with the variable that is missing or wrong.
    pub fn from_env(env: &dyn Fn(&str) -> Option<String>) -> Result<Self, EngineError> {
        let env = |name: &str| env(name).filter(|value| !value.is_empty());
        let required = |name: &'static str| {
            env(name).ok_or_else(|| EngineError::new(ErrorKind::Spec, name, "it is not set, and SQS needs it"))
        };
        let region = env("AWS_REGION").or_else(|| env("AWS_DEFAULT_REGION"));
        Ok(Self {
            clock: Arc::new(SystemClock),
            patience: Duration::from_secs(5),
            limits: Limits::default(),
            resources: resources(env("PIKKU_RESOURCES"))?,
            prefix: None,
            region: region.map_or_else(|| required("AWS_REGION"), Ok)?,
            endpoint: env("AWS_ENDPOINT_URL_SQS").or_else(|| env("AWS_ENDPOINT_URL")),
            credentials: Credentials::new(
                required("AWS_ACCESS_KEY_ID")?,
                required("AWS_SECRET_ACCESS_KEY")?,
                env("AWS_SESSION_TOKEN"),
                None,
                "environment",
            ),
        })
    }
}

/// The queues among the addresses of resources.
fn resources(text: Option<String>) -> Result<BTreeMap<String, String>, EngineError> {
    let wrong = |reason: &str| EngineError::new(ErrorKind::Spec, "PIKKU_RESOURCES", reason);
    let Some(text) = text else { return Ok(BTreeMap::new()) };
    let resources: BTreeMap<String, serde_json::Value> = serde_json::from_str(&text)
        .map_err(|error| wrong("it is no JSON object from names to addresses").caused_by(error))?;
    let queues = resources.into_iter().filter_map(|(name, address)| {
        let name = name.strip_prefix("queue:")?.to_owned();
        Some(address.as_str().map(|url| (name.clone(), url.to_owned())).ok_or(name))
    });
    queues
        .collect::<Result<_, String>>()
        .map_err(|name| wrong(&format!("the address of the queue `{name}` is no text")))
}

/// Queues on Amazon SQS. Clones are the same engine.
#[derive(Clone, Debug)]
pub struct SqsEngine {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    service: Service,
    queues: Queues,
    held: Held,
}

impl SqsEngine {
    /// Makes an engine. Nothing is asked before queues are declared.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] where the endpoint is none, [`ErrorKind::Store`] where TLS cannot be set up.
    pub fn new(settings: SqsSettings) -> Result<Self, EngineError> {
        let service = Service::new(settings)?;
        Ok(Self { inner: Arc::new(Inner { service, queues: Queues::default(), held: Held::default() }) })
    }
}

fn shortfalls(spec: &QueueSpec) -> Vec<Shortfall> {
    let lacks = |guarantee, instead: &str| Shortfall {
        guarantee,
        asked_by: Some(spec.name.clone()),
        instead: instead.to_owned(),
    };
    let mut shortfalls = Vec::new();
    if spec.max_in_flight.is_some() {
        shortfalls.push(lacks(Guarantee::MaxInFlight, "each instance takes as many as it has room for"));
    }
    if !spec.fifo {
        let instead =
            "a deduplication id means nothing in a queue that is not FIFO: equal messages are taken each time";
        shortfalls.push(lacks(Guarantee::Deduplication, instead));
    } else if spec.deduplication != Duration::from_secs(300) {
        shortfalls.push(lacks(Guarantee::Deduplication, "SQS remembers a deduplication id for five minutes"));
    }
    shortfalls
}

fn general() -> Vec<Shortfall> {
    let lacks = |guarantee, instead: &str| Shortfall { guarantee, asked_by: None, instead: instead.to_owned() };
    vec![
        lacks(Guarantee::Priority, "SQS delivers messages whatever their priority"),
        lacks(
            Guarantee::Delay,
            "messages that are to be kept back for more than 15 minutes are refused, and those of FIFO queues that are to \
             be kept back at all",
        ),
        lacks(Guarantee::AtomicBatches, "after an error some messages of a call may be taken and others not"),
        lacks(Guarantee::Release, "a delivery that was not begun counts as one of those that are allowed"),
        lacks(
            Guarantee::DeadLetters,
            "dead letters are listed by being delivered: one that somebody else looks at is missing for a minute, and one \
             that is redriven has another id",
        ),
        lacks(Guarantee::Stats, "SQS's figures are near, and a minute old"),
        lacks(Guarantee::Schedules, "schedules need another engine beside this one: SQS keeps no leases"),
    ]
}

impl QueueEngine for SqsEngine {
    fn name(&self) -> &'static str {
        "sqs"
    }

    fn limits(&self) -> Limits {
        self.inner.service.settings.limits
    }

    fn declare<'a>(&'a self, queues: &'a [QueueSpec]) -> Answer<'a, Vec<Shortfall>> {
        let inner = &self.inner;
        Box::pin(async move {
            queues.iter().try_for_each(QueueSpec::check)?;
            let mut lacks = general();
            for spec in queues {
                inner.queues.declare(&inner.service, spec).await?;
                lacks.extend(shortfalls(spec));
            }
            Ok(lacks)
        })
    }

    fn enqueue<'a>(&'a self, messages: &'a [NewMessage]) -> Answer<'a, Vec<Enqueued>> {
        let inner = &self.inner;
        Box::pin(async move {
            inner.service.settings.limits.check(messages)?;
            queue::enqueue(&inner.service, &inner.queues, messages).await
        })
    }

    fn receive<'a>(&'a self, queue: &'a str, max: usize, wait: Duration) -> Answer<'a, Vec<Delivery>> {
        let (inner, name, until) = (Arc::clone(&self.inner), queue.to_owned(), Instant::now() + wait);
        let (reply, answer) = oneshot::channel::<Result<Vec<Delivery>, EngineError>>();
        let max = max.clamp(1, inner.service.settings.limits.batch);
        Box::pin(async move {
            // A task of its own, so that what nobody takes any more is given back.
            tokio::spawn(async move {
                let (service, held) = (&inner.service, &inner.held);
                let received = async {
                    let queue = inner.queues.find(service, &name).await?;
                    delivery::receive(service, held, &queue, max, until, &|| !reply.is_closed()).await
                };
                let received = received.await;
                if let Err(Ok(untaken)) = reply.send(received)
                    && let Ok(queue) = inner.queues.find(service, &name).await
                {
                    let settlements: Vec<Settlement> =
                        untaken.iter().map(|delivery| Settlement::release(&delivery.receipt)).collect();
                    // Where it fails they come again after the visibility timeout.
                    let _ = delivery::settle(service, held, &queue, &settlements).await;
                }
            });
            let stopped = || EngineError::new(ErrorKind::Closed, "the engine on SQS", "the runtime has stopped");
            answer.await.map_err(|_| stopped())?
        })
    }

    fn settle<'a>(&'a self, queue: &'a str, settlements: &'a [Settlement]) -> Answer<'a, Vec<Settled>> {
        let Inner { service, queues, held } = &*self.inner;
        Box::pin(async move {
            let queue = queues.find(service, queue).await?;
            delivery::settle(service, held, &queue, settlements).await
        })
    }

    fn extend<'a>(&'a self, queue: &'a str, receipt: &'a Receipt, visibility: Duration) -> Answer<'a, Option<Time>> {
        let Inner { service, queues, held } = &*self.inner;
        Box::pin(async move {
            let queue = queues.find(service, queue).await?;
            delivery::extend(service, held, &queue, receipt, visibility).await
        })
    }

    fn dead_letters<'a>(&'a self, queue: &'a str, after: Option<&'a str>, max: usize) -> Answer<'a, Vec<DeadLetter>> {
        let Inner { service, queues, .. } = &*self.inner;
        Box::pin(async move {
            let queue = queues.find(service, queue).await?;
            dead::list(service, &queue, after, max).await
        })
    }

    fn redrive<'a>(&'a self, queue: &'a str, which: Which) -> Answer<'a, u64> {
        let Inner { service, queues, .. } = &*self.inner;
        Box::pin(async move {
            let queue = queues.find(service, queue).await?;
            dead::settle(service, &queue, &which, true).await
        })
    }

    fn purge<'a>(&'a self, queue: &'a str, which: Which) -> Answer<'a, u64> {
        let Inner { service, queues, .. } = &*self.inner;
        Box::pin(async move {
            let queue = queues.find(service, queue).await?;
            dead::settle(service, &queue, &which, false).await
        })
    }

    fn stats<'a>(&'a self, queue: &'a str) -> Answer<'a, QueueStats> {
        let Inner { service, queues, .. } = &*self.inner;
        Box::pin(async move {
            let queue = queues.find(service, queue).await?;
            delivery::stats(service, &queue).await
        })
    }

    /// Asks for the attributes of a queue that is known; before there is one, nothing.
    fn health(&self) -> Answer<'_, ()> {
        let Inner { service, queues, .. } = &*self.inner;
        Box::pin(async move {
            match queues.any() {
                Some(queue) => queue::attributes(service, &queue.url).await.map(drop),
                None => Ok(()),
            }
        })
    }

    fn schedules(&self) -> Option<&dyn ScheduleStore> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(more: &[(&str, &str)]) -> Result<SqsSettings, EngineError> {
        let base = [("AWS_REGION", "us-east-1"), ("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "hush-hush")];
        SqsSettings::from_env(&|name| {
            let mut all = base.iter().chain(more);
            all.rfind(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn settings_are_read_and_tell_no_secret() {
        let resources = r#"{"queue:mail":"https://sqs.eu-west-1.amazonaws.com/1/mail","bucket:x":"y"}"#;
        let read = settings(&[("PIKKU_RESOURCES", resources)]).unwrap();
        assert_eq!(read.resources.keys().collect::<Vec<_>>(), ["mail"]);
        assert!(!format!("{read:?}").contains("hush-hush"));
        for (variable, value) in
            [("AWS_ACCESS_KEY_ID", ""), ("PIKKU_RESOURCES", "[1]"), ("PIKKU_RESOURCES", r#"{"queue:a":1}"#)]
        {
            let error = settings(&[(variable, value)]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Spec);
            assert!(error.to_string().starts_with(variable), "{error}");
        }
        let ftp = SqsSettings { endpoint: Some("ftp://x".to_owned()), ..settings(&[]).unwrap() };
        assert_eq!(SqsEngine::new(ftp).unwrap_err().kind(), ErrorKind::Spec);
    }
}
