//! Sends messages to SQS.
//!
//! One action of one service does not need an SDK: this is `SendMessage` in SQS's JSON protocol over hyper, with TLS by
//! rustls and signatures by AWS's own `aws-sigv4`. It owns the address of a queue, the request, and what is tried again.
//!
//! - **Which queue.** The template hands the bundle `PIKKU_RESOURCES`, a JSON object in which `queue:<logical name>` is
//!   the queue's URL. `AWS_ENDPOINT_URL_SQS` and `AWS_ENDPOINT_URL` name another place to send requests to; only there is
//!   plain `http` spoken.
//! - **When.** Nothing is read, parsed or connected before the first message. Then one connection is kept.
//! - **How often.** Three attempts, each of at most 5 s, with up to 0.1 s and 0.2 s between them: after a lost or refused
//!   connection, a timeout, throttling, or a status of 500 and above. An attempt that was heard but not answered puts the
//!   message in a standard queue twice, as SQS may do by itself.
//! - **FIFO.** Messages without a group are of one group, so that the queue keeps their order. A message without a
//!   deduplication id gets one of its own: attempts at one message leave one, two equal messages are two.
//! - **What SQS has not.** A delay beyond 15 minutes or on a FIFO queue, and a group or a deduplication id on any other, are
//!   errors; a priority is left out.
//! - **Secrets.** Credentials are read from the environment for each message. No error holds them.

mod request;
mod settings;
#[cfg(test)]
mod tests;

use crate::{aws::Service, platform::Sender};
use pikku::{BoxError, BoxFuture, platform::OutgoingMessage};
use pikku_https::{SendError, random};
use settings::Target;

/// The sender of a bundle that sends.
#[derive(Debug)]
pub(crate) struct Sqs(Service);

impl Sender for Sqs {
    fn send<'a>(&'a self, message: OutgoingMessage<'a>) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(async move {
            let env = |name: &str| std::env::var(name).ok();
            let target = Target::of(message.queue, &env)?;
            Ok(self.deliver(&target, &message).await?)
        })
    }
}

impl Sqs {
    /// A sender that has done nothing yet.
    pub(crate) fn new() -> Self {
        Self(Service::new("SQS"))
    }

    async fn deliver(&self, target: &Target, message: &OutgoingMessage<'_>) -> Result<(), SendError> {
        let input = request::input(target, message, || random().map(|id| format!("{id:032x}")))?;
        self.0.ask(&target.send_message(), &input).await.map(drop)
    }
}
