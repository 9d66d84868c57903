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

/// A worker process of the Functions host: Linux, one tokio thread, and a log of JSON objects, one a line.
#[derive(Debug)]
pub(crate) struct Azure {
    /// What puts messages in queues, in a bundle that does.
    ///
    /// It is behind a pointer that only [`crate::run`] makes, and only where the selection sends: elsewhere nothing
    /// names its type, and neither it nor TLS is linked.
    pub(crate) sender: Option<Box<dyn Sender>>,
    /// What asks the key vault, in a bundle that does; it is kept out of others in the same way.
    pub(crate) vault: Option<Box<dyn Vault>>,
}

/// Reads secrets.
pub(crate) trait Vault: fmt::Debug + Send + Sync {
    /// What is known of the secret of that name.
    fn secret<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Known, BoxError>>;
}

/// What a vault says of a secret.
#[derive(Debug)]
pub(crate) enum Known {
    /// The secret; `None` where the vault has none of that name.
    #[cfg_attr(not(feature = "secrets"), expect(dead_code, reason = "only a vault says so"))]
    Here(Option<Secret<String>>),
    /// The bundle was handed no address for it: a variable stands for it.
    #[cfg_attr(not(feature = "secrets"), expect(dead_code, reason = "only a vault says so"))]
    Elsewhere,
}

/// Puts messages in queues.
pub(crate) trait Sender: fmt::Debug + Send + Sync {
    /// Puts one message in a queue. It is there when the future completes.
    fn send<'a>(&'a self, message: OutgoingMessage<'a>) -> BoxFuture<'a, Result<(), BoxError>>;

    /// Whether messages of the queue of that logical name have attributes.
    fn has_attributes(&self, queue: &str) -> bool;
}

pub(crate) fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

impl Platform for Azure {
    fn now_ms(&self) -> u64 {
        now_ms()
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
                && let Known::Here(secret) = vault.secret(name).await?
            {
                return Ok(secret);
            }
            handed(self.env(&variable_of_secret(name)))
        })
    }

    fn send<'a>(&'a self, message: OutgoingMessage<'a>) -> BoxFuture<'a, Result<(), BoxError>> {
        match &self.sender {
            Some(sender) => sender.send(message),
            None => Box::pin(ready(Err(NOT_DECLARED.into()))),
        }
    }

    fn has_attributes(&self, queue: &str) -> bool {
        self.sender.as_ref().is_none_or(|sender| sender.has_attributes(queue))
    }

    fn log(&self, line: &LogLine<'_>) {
        write(line);
    }
}

/// A secret that the platform has resolved for an app setting. One that it could not resolve reaches the app as the reference
/// ("Use Key Vault references", troubleshooting), which is no secret: everybody who reads the deployment knows it.
fn handed(setting: Option<String>) -> Result<Option<Secret<String>>, BoxError> {
    match setting {
        Some(text) if text.starts_with("@Microsoft.KeyVault(") => Err(UNRESOLVED.into()),
        setting => Ok(setting.map(Secret::new)),
    }
}

const UNRESOLVED: &str = "the platform could not resolve the app setting's reference to Key Vault; see the status of the \
    setting in the portal: the secret is not there, or the app's identity may not read it";

const NOT_DECLARED: &str = "no service of this bundle declares that it sends to a queue; add \
    `needs = [Need::SendToQueue(\"…\")]` to the `#[pikku::service]` that does, and package again";

fn write(line: &LogLine<'_>) {
    let Ok(mut text) = serde_json::to_vec(line) else { return };
    text.push(b'\n');
    // The host takes standard output for information and standard error for errors, and for a warning what has `warn` in it
    // (`ParseErrorMessageAndLog` of its `WorkerProcess`). One write a line, so that lines of concurrent calls do not mix. A
    // log that cannot be written to is no reason to fail a call, and there is nowhere else to say it.
    let _ = match line.level {
        Level::Info => std::io::stdout().write_all(&text),
        Level::Warn | Level::Error => std::io::stderr().write_all(&text),
    };
}

/// A line about the adapter itself.
pub(crate) fn log(level: Level, message: &str, detail: Option<&str>) {
    write(&LogLine { detail, ..LogLine::new(level, message) });
}

/// A line about an invocation.
pub(crate) fn log_of(level: Level, id: &str, function: &str, message: &str, detail: Option<&str>) {
    write(&LogLine { detail, call_id: Some(id), function: Some(function), ..LogLine::new(level, message) });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_that_was_not_resolved_is_no_secret() {
        assert_eq!(handed(Some("plantedsecret7Qx-a".to_owned())).unwrap().unwrap().expose(), "plantedsecret7Qx-a");
        assert!(handed(None).unwrap().is_none());
        let reference = "@Microsoft.KeyVault(SecretUri=https://shop.vault.azure.net/secrets/pin)";
        assert!(handed(Some(reference.to_owned())).unwrap_err().to_string().contains("could not resolve"));
    }
}
