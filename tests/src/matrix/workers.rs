use super::{
    scenario::{Message, Request, Scenario, Time},
    target::{Answer, Settled, Target, Variable},
};
use crate::{tool, worker};
use pikku_local_workers::{Body, LocalWorkers};
use std::{
    collections::BTreeMap,
    time::{Duration, UNIX_EPOCH},
};

/// The bundle for Cloudflare Workers in workerd.
#[derive(Debug)]
pub(super) struct Workers {
    workers: LocalWorkers,
    /// The Worker's name.
    name: String,
    /// The physical names of its sources, by the ids of their wirings.
    sources: BTreeMap<String, String>,
}

impl Target for Workers {
    const NAME: &'static str = "workers";

    async fn start(scenario: &Scenario, variables: &[Variable]) -> Result<Self, String> {
        let bundle = worker("scenarios", &scenario.group);
        let builder = LocalWorkers::bundle(bundle);
        let sources = builder.sources().map_err(|why| why.to_string())?;
        let workers = variables.iter().fold(builder, |builder, (name, value)| builder.variable(*name, value));
        let workers = workers.app(tool("npm"));
        let workers = workers.start().await.map_err(|why| why.to_string())?;
        let name = workers.names().first().ok_or("no Worker was started")?.to_string();
        Ok(Self { workers, name, sources })
    }

    async fn http(&self, request: &Request) -> Result<Answer, String> {
        let sent = pikku_local_workers::Request::new(&request.method, request.target()).body(request.body.clone());
        let sent = request.headers.iter().fold(sent, |sent, (name, value)| sent.header(name, value));
        let response = self.workers.fetch(&self.name, sent).await.map_err(|why| why.to_string())?;
        Ok(Answer::new(response.status, response.headers, response.body))
    }

    async fn queue(&self, queue: &str, messages: &[Message]) -> Result<Vec<Settled>, String> {
        let named = |(index, message): (usize, &Message)| {
            let body = Body::Text { text: message.without_attributes(queue)? };
            let named = pikku_local_workers::Message::new(format!("message-{index}"), body);
            Ok(pikku_local_workers::Message { attempts: message.attempt, ..named })
        };
        let batch: Vec<_> = messages.iter().enumerate().map(named).collect::<Result<_, String>>()?;
        let queue = self.source(&format!("queue:{queue}"))?;
        let handled = self.workers.queue(&self.name, queue, &batch).await.map_err(|why| why.to_string())?;
        let settled = |message: &pikku_local_workers::Message| match handled.is_retried(&message.id) {
            true => Settled::Failed(handled.outcome.clone()),
            false => Settled::Done,
        };
        Ok(batch.iter().map(settled).collect())
    }

    async fn schedule(&self, schedule: &str, time: &Time) -> Result<Settled, String> {
        let expression = self.source(&format!("cron:{schedule}"))?;
        let time = UNIX_EPOCH + Duration::from_millis(time.ms);
        let ran = self.workers.scheduled(&self.name, expression, time).await.map_err(|why| why.to_string())?;
        Ok(if ran.outcome == "ok" { Settled::Done } else { Settled::Failed(ran.outcome) })
    }

    async fn log(&self) -> Vec<String> {
        self.workers.logs().into_iter().map(|line| line.message).collect()
    }
}

impl Workers {
    fn source(&self, wiring: &str) -> Result<&str, String> {
        let source = self.sources.get(wiring).map(String::as_str);
        source.ok_or_else(|| format!("it has no source `{wiring}`: {:?}", self.sources))
    }
}
