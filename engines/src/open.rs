//! The engine that an address names.

use crate::{Clock, EngineError, ErrorKind, QueueEngine};
use std::sync::Arc;

/// What addresses begin with, and the feature of this crate that each needs.
const SCHEMES: [(&str, &str); 6] = [
    ("sqlite", "sqlite"),
    ("postgres", "postgres"),
    ("postgresql", "postgres"),
    ("nats", "nats"),
    ("tls", "nats"),
    ("sqs", "sqs"),
];

/// Opens the engine that an address names, as it stands in `PIKKU_QUEUES`.
///
/// | address | engine | feature |
/// |---|---|---|
/// | `sqlite:PATH` | a SQLite file | `sqlite` |
/// | `postgres://user:password@host:port/database` | PostgreSQL | `postgres` |
/// | `nats://host:port`, `tls://host:port`, several by commas, `?replicas=3`, `?credentials=FILE` | NATS JetStream | `nats` |
/// | `sqs:`, `sqs:PREFIX` | Amazon SQS, as the environment says | `sqs` |
///
/// An engine whose store has a clock of its own goes by that, as PostgreSQL does; the others by the one that is given.
///
/// # Errors
/// [`ErrorKind::Spec`] where no engine is called so, or where this program was built without it, and those of the engine.
pub async fn open(address: &str, clock: Arc<dyn Clock>) -> Result<Arc<dyn QueueEngine>, EngineError> {
    match scheme(address) {
        #[cfg(feature = "sqlite")]
        "sqlite" => sqlite(address, clock).await,
        #[cfg(feature = "postgres")]
        "postgres" | "postgresql" => Ok(Arc::new(crate::PostgresEngine::open(address).await?)),
        #[cfg(feature = "nats")]
        "nats" | "tls" => {
            let settings = crate::NatsSettings { clock, ..crate::NatsSettings::default() };
            Ok(Arc::new(crate::NatsEngine::open_with(address, settings).await?))
        }
        #[cfg(feature = "sqs")]
        "sqs" => {
            let mut settings = crate::SqsSettings::from_env(&|name| std::env::var(name).ok())?;
            settings.clock = clock;
            settings.prefix = address.strip_prefix("sqs:").filter(|prefix| !prefix.is_empty()).map(str::to_owned);
            Ok(Arc::new(crate::SqsEngine::new(settings)?))
        }
        other => {
            drop(clock);
            Err(unknown(other))
        }
    }
}

#[cfg(feature = "sqlite")]
async fn sqlite(address: &str, clock: Arc<dyn Clock>) -> Result<Arc<dyn QueueEngine>, EngineError> {
    let path = address.trim_start_matches("sqlite:").to_owned();
    if path.is_empty() {
        return Err(EngineError::new(ErrorKind::Spec, PLACE, "it names no file, as in `sqlite:pikku.db`"));
    }
    // Opening a file blocks, as long as another process holds its lock.
    let (reply, answer) = tokio::sync::oneshot::channel();
    let settings = crate::SqliteSettings { clock, ..crate::SqliteSettings::default() };
    let open = move || {
        // Nobody may wait any more.
        let _ = reply.send(crate::SqliteEngine::open_with(path, settings));
    };
    let failed = |source| EngineError::new(ErrorKind::Store, PLACE, "no thread can be started").caused_by(source);
    std::thread::Builder::new().name("pikku-open".to_owned()).spawn(open).map_err(failed)?;
    let opened = answer.await.map_err(|_| EngineError::new(ErrorKind::Closed, PLACE, "it was not opened"))?;
    Ok(Arc::new(opened?))
}

const PLACE: &str = "PIKKU_QUEUES";

/// What stands before the colon of an address.
fn scheme(address: &str) -> &str {
    address.split_once(':').map_or(address, |(scheme, _)| scheme)
}

/// No engine is called so. What comes after the colon may be secret.
fn unknown(scheme: &str) -> EngineError {
    let reason = match SCHEMES.iter().find(|(known, _)| *known == scheme) {
        Some((_, feature)) => {
            format!("`{scheme}:` needs the feature `{feature}`, which this program was built without")
        }
        None => {
            let known: Vec<String> = SCHEMES.iter().map(|(known, _)| format!("`{known}:`")).collect();
            format!("it begins with none of {}", known.join(", "))
        }
    };
    EngineError::new(ErrorKind::Spec, PLACE, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_engine_is_refused_without_what_may_be_secret() {
        assert_eq!(
            unknown(scheme("redis://u:secret@h")).to_string(),
            "PIKKU_QUEUES: it begins with none of `sqlite:`, `postgres:`, `postgresql:`, `nats:`, `tls:`, `sqs:`"
        );
        assert_eq!(
            unknown("nats").to_string(),
            "PIKKU_QUEUES: `nats:` needs the feature `nats`, which this program was built without"
        );
    }
}
