//! Sends messages to storage queues and to Service Bus.
//!
//! One action of two services does not need an SDK: each is one request over hyper, with TLS by rustls. It owns the address of
//! a queue, who the sender is, the request, and what is tried again.
//!
//! An output binding would have the host write the message. But the host does so after the answer, so that nobody learns of a
//! failure; it has no way to do it for a request that it proxies; and it decodes what happens to be base64. A message that is
//! sent here is in the queue when the call goes on.
//!
//! - **Which queue.** The deployment hands the bundle `PIKKU_RESOURCES`, a JSON object in which `queue:<logical name>` is
//!   `https://ACCOUNT.queue.core.windows.net/QUEUE` or `sb://NAMESPACE.servicebus.windows.net/QUEUE`.
//! - **Who sends.** The app's managed identity (`IDENTITY_ENDPOINT`, and `AZURE_CLIENT_ID` for one that is assigned by the
//!   user), which needs the role "Storage Queue Data Message Sender" or "Azure Service Bus Data Sender". Where
//!   `AzureWebJobsStorage` or `AzureWebJobsServiceBus` is a connection string of the address, its key is used instead; that
//!   is for work on one's own machine, and only there is plain `http` spoken.
//! - **When.** Nothing is read, parsed or connected before the first message. Then one connection is kept to each service.
//! - **How often.** Three attempts, each of at most 5 s, with up to 0.1 s and 0.2 s between them: after a lost or refused
//!   connection, a timeout, throttling, a token that is not taken, or a status of 500 and above. An attempt that was heard but
//!   not answered puts the message in a storage queue twice, as such queues may do by themselves; Service Bus drops the
//!   second where its queue detects duplicates, for both have one id.
//! - **Form.** A message of a storage queue is base64, as the host reads it (`messageEncoding`), and never expires.
//! - **What they have not.** Storage queues have no groups and no deduplication ids, and keep a message back for seven days
//!   at most: asking for more is an error. A priority is left out, and so is what is said of a message apart from its body,
//!   which Service Bus carries as application properties; who caused a message, where that is signed, stands above its body.
//! - **Secrets.** Keys and tokens are read for each message and kept in no error.

mod address;
mod connection;
mod service_bus;
mod storage;
#[cfg(test)]
mod tests;

use crate::{
    cloud::{Cloud, Env, answered, env, may_pass},
    platform::Sender,
};
use address::{Address, Service};
use http_body_util::Full;
use hyper::{Request, StatusCode, body::Bytes};
use pikku::{BoxError, BoxFuture, platform::OutgoingMessage};
use pikku_https::{Answer, Client, FailedAttempt, SendError, random, send};
use std::time::SystemTime;

/// What might say who sends, where the app has no identity.
const OR_A_KEY: &str = ", and neither AzureWebJobsStorage nor AzureWebJobsServiceBus is a connection string of the queue's \
    address";

/// The sender of a bundle that sends.
#[derive(Debug)]
pub(crate) struct Queues(Cloud);

impl Sender for Queues {
    fn send<'a>(&'a self, message: OutgoingMessage<'a>) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(async move { Ok(self.deliver(&Address::of(message.queue, &env)?, &message, &env).await?) })
    }

    fn has_attributes(&self, queue: &str) -> bool {
        has_attributes(queue, &env)
    }
}

/// Whether a queue is one of Service Bus. What is wrong with its address is told by who sends.
fn has_attributes(queue: &str, env: Env<'_>) -> bool {
    Address::of(queue, env).is_ok_and(|address| address.service == Service::ServiceBus)
}

/// How a request says who sends it.
pub(crate) enum Authorisation<'a> {
    /// A token of the app's identity.
    Token(String),
    /// A key of a connection string.
    Key(&'a connection::Key),
}

impl Queues {
    /// A sender that has done nothing yet.
    pub(crate) fn new() -> Self {
        Self(Cloud::new())
    }

    async fn deliver(&self, address: &Address, message: &OutgoingMessage<'_>, env: Env<'_>) -> Result<(), SendError> {
        let client = self.0.client(&address.endpoint)?;
        let draft = match address.service {
            Service::Storage => Draft::Storage(storage::Draft::new(message)?),
            Service::ServiceBus => Draft::ServiceBus(service_bus::Draft::new(message, random()?)?),
        };
        let (client, draft) = (&*client, &draft);
        send(|| self.attempt(address, client, draft, env)).await
    }

    /// One attempt: the outer error is not to be tried again.
    async fn attempt(
        &self,
        address: &Address,
        client: &Client,
        draft: &Draft<'_>,
        env: Env<'_>,
    ) -> Result<Result<(), FailedAttempt>, SendError> {
        let service = address.service.name();
        let authorisation = match &address.key {
            Some(key) => Authorisation::Key(key),
            None => match self.0.token(service, address.service.resource(), OR_A_KEY, env).await? {
                Ok(token) => Authorisation::Token(token),
                Err(failed) => return Ok(Err(failed)),
            },
        };
        let request = draft.request(address, &authorisation, SystemTime::now())?;
        Ok(match client.exchange(request).await {
            Ok(answer) if answer.status.is_success() => Ok(()),
            Ok(answer) => {
                // Another token may be taken.
                let refused = answer.status == StatusCode::UNAUTHORIZED && address.key.is_none();
                if refused {
                    self.0.forget(address.service.resource());
                }
                Err(FailedAttempt {
                    may_pass: refused || may_pass(answer.status),
                    ..answered(service, answer.status, &draft.code(&answer))
                })
            }
            Err(reason) => Err(FailedAttempt::silent(service, reason)),
        })
    }
}

/// A message as it goes to a service, the same for every attempt.
enum Draft<'a> {
    Storage(storage::Draft),
    ServiceBus(service_bus::Draft<'a>),
}

impl Draft<'_> {
    fn request(
        &self,
        address: &Address,
        authorisation: &Authorisation<'_>,
        now: SystemTime,
    ) -> Result<Request<Full<Bytes>>, SendError> {
        match self {
            Self::Storage(draft) => draft.request(address, authorisation, now),
            Self::ServiceBus(draft) => draft.request(address, authorisation, now),
        }
    }

    fn code(&self, answer: &Answer) -> String {
        match self {
            Self::Storage(_) => storage::code(answer),
            Self::ServiceBus(_) => service_bus::code(answer),
        }
    }
}
