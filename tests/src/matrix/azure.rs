use super::{
    scenario::{Call, Identity, Message, Request, Scenario, Time},
    target::{Answer, Settled, Target, Variable},
};
use crate::azure;
use pikku_local_azure::{
    Invocation, LocalAzure, Logs, RawInvocation,
    events::{End, QueueMessage},
};
use serde_json::json;

/// By what the platform's front end tells who sends a request.
const FORWARDED_FOR: &str = "X-Forwarded-For";

/// Who that is in every scenario: an address with the port that the request came from.
const CLIENT: &str = "198.51.100.7:4711";

/// The custom handler in the local Functions host, with the platform's front end before it. Requests are proxied, all else comes
/// as payloads.
#[derive(Debug)]
pub(super) struct Azure(LocalAzure);

impl Target for Azure {
    const NAME: &'static str = "azure";

    async fn start(scenario: &Scenario, variables: &[Variable]) -> Result<Self, String> {
        let host = LocalAzure::bundle(azure("scenarios", &scenario.group))
            .logs(Logs::Captured)
            // A failed message is not handed over again: the scenarios say how often it was.
            .env("AzureFunctionsJobHost__extensions__queues__maxDequeueCount", "1")
            // Where the queues are, as the deployment says it.
            .env("Queues", "UseDevelopmentStorage=true")
            // By this the handler knows that there is a front end.
            .env("WEBSITE_INSTANCE_ID", "scenarios");
        // Where somebody is let in by the platform, that is on.
        let authenticates =
            |call: &Call| matches!(call, Call::Http(request) if request.identity.as_ref().is_some_and(Self::vouches));
        let host = match scenario.steps.iter().any(|step| authenticates(&step.call)) {
            true => host.env("WEBSITE_AUTH_ENABLED", "True"),
            false => host,
        };
        let host = variables.iter().fold(host, |host, (name, value)| host.env(*name, value));
        let host = host.start().await.map_err(|why| why.to_string())?;
        match host.refused() {
            [] => Ok(Self(host)),
            refused => Err(format!("the host does not take {refused:?}")),
        }
    }

    fn vouches(identity: &Identity) -> bool {
        matches!(identity, Identity::EasyAuth(_))
    }

    async fn http(&self, request: &Request) -> Result<Answer, String> {
        let sent = pikku_local_azure::Request::new(&request.method, request.target()).body(request.body.clone());
        // The front end, which is before the host, says it in a header.
        let sent = match &request.identity {
            Some(Identity::EasyAuth(principal)) => {
                let (name, value) = Identity::principal(principal);
                sent.header(&name, &value)
            }
            _ => sent,
        };
        let sent = fronted(&request.headers).into_iter().fold(sent, |sent, (name, value)| sent.header(name, value));
        let response = self.0.http(sent).await.map_err(|why| why.to_string())?;
        Ok(Answer::new(response.status, response.headers, response.body))
    }

    async fn queue(&self, queue: &str, messages: &[Message]) -> Result<Vec<Settled>, String> {
        let mut settled = Vec::with_capacity(messages.len());
        for sent in messages {
            let mut message = QueueMessage::text(&sent.without_attributes(queue)?);
            message.dequeue_count = sent.attempt;
            let handled = self.0.queue(&format!("queue-{queue}"), message).await.map_err(|why| why.to_string())?;
            settled.push(match handled.end {
                End::Deleted => Settled::Done,
                _ => Settled::Failed(handled.attempts.iter().map(told).collect()),
            });
        }
        Ok(settled)
    }

    async fn schedule(&self, schedule: &str, time: &Time) -> Result<Settled, String> {
        let status = json!({"Last": time.text, "Next": time.text, "LastUpdated": time.text});
        let timer = json!({"Schedule": {"AdjustForDST": true}, "ScheduleStatus": status, "IsPastDue": false});
        let function = format!("cron-{schedule}");
        let sys =
            json!({"MethodName": function, "UtcNow": time.text, "RandGuid": "00000000-0000-4000-8000-000000000000"});
        let payload = json!({"Data": {"timer": timer}, "Metadata": {"sys": sys}});
        // Once: the host's policy would try a failed run again.
        let raw = RawInvocation::new(&function, payload.to_string());
        let ran = self.0.invoke(raw, None).await.map_err(|why| why.to_string())?;
        Ok(if ran.succeeded() { Settled::Done } else { Settled::Failed(told(&ran)) })
    }

    async fn log(&self) -> Vec<String> {
        self.0.logs()
    }
}

/// Headers as they leave the front end: it adds the client that it sees to those that the client names.
fn fronted(headers: &[(String, String)]) -> Vec<(String, String)> {
    let (named, mut sent): (Vec<_>, Vec<_>) =
        headers.iter().cloned().partition(|(name, _)| name.eq_ignore_ascii_case(FORWARDED_FOR));
    let clients: Vec<String> = named.into_iter().map(|(_, value)| value).chain([CLIENT.to_owned()]).collect();
    sent.push((FORWARDED_FOR.to_owned(), clients.join(", ")));
    sent
}

fn told(invocation: &Invocation) -> String {
    invocation.view().to_string()
}
