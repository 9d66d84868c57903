use pikku::{
    BoxError, BoxFuture, Platform, Secret,
    platform::{Level, LogLine, OutgoingMessage, variable_of_secret},
};
use std::{
    fmt,
    future::ready,
    io::Write,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// A Lambda sandbox: Linux, one tokio thread, and a log that is standard error, a JSON object a line.
#[derive(Debug)]
pub(crate) struct Lambda {
    /// What puts messages in queues, in a bundle that does.
    ///
    /// It is behind a pointer that only [`crate::run`] makes, and only where the selection sends: elsewhere nothing
    /// names its type, and neither it nor TLS is linked.
    pub(crate) sender: Option<Box<dyn Sender>>,
    /// What reads secrets, in a bundle that does; it is kept out of others in the same way.
    pub(crate) vault: Option<Box<dyn Vault>>,
}

/// Reads secrets.
pub(crate) trait Vault: fmt::Debug + Send + Sync {
    /// The secret of that name; `None` where the bundle was handed none, and a variable may stand for it.
    fn secret<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Secret<String>>, BoxError>>;
}

/// Puts messages in queues.
pub(crate) trait Sender: fmt::Debug + Send + Sync {
    /// Puts one message in a queue. It is there when the future completes.
    fn send<'a>(&'a self, message: OutgoingMessage<'a>) -> BoxFuture<'a, Result<(), BoxError>>;
}

impl Platform for Lambda {
    fn now_ms(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }

    fn env(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn secret<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Secret<String>>, BoxError>> {
        Box::pin(async move {
            if let Some(vault) = &self.vault
                && let Some(secret) = vault.secret(name).await?
            {
                return Ok(Some(secret));
            }
            Ok(self.env(&variable_of_secret(name)).map(Secret::new))
        })
    }

    fn send<'a>(&'a self, message: OutgoingMessage<'a>) -> BoxFuture<'a, Result<(), BoxError>> {
        match &self.sender {
            Some(sender) => sender.send(message),
            None => Box::pin(ready(Err(NOT_DECLARED.into()))),
        }
    }

    fn log(&self, line: &LogLine<'_>) {
        write(line);
    }
}

const NOT_DECLARED: &str = "no service of this bundle declares that it sends to a queue; add \
    `needs = [Need::SendToQueue(\"…\")]` to the `#[pikku::service]` that does, and package again";

fn write(line: &LogLine<'_>) {
    let Ok(mut text) = serde_json::to_vec(line) else { return };
    text.push(b'\n');
    // One write a line, so that lines of concurrent calls do not mix. A log that cannot be written to is no reason to
    // fail a call, and there is nowhere else to say it.
    let _ = std::io::stderr().write_all(&text);
}

/// A line about the adapter itself.
pub(crate) fn log(level: Level, message: &str, detail: Option<&str>) {
    write(&LogLine { detail, ..LogLine::new(level, message) });
}
