//! The database: connections to it, what is said in them, and what its errors mean.

use super::{PostgresSettings, schema};
use crate::{EngineError, ErrorKind, Time, clock::millis};
use deadpool_postgres::{
    ClientWrapper, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime, StatementCache,
};
use std::{
    error::Error as _,
    fmt,
    net::IpAddr,
    path::PathBuf,
    time::{Duration, Instant},
};
use tokio_postgres::{
    Client, Config, Error, NoTls, Row,
    config::{Host, SslMode},
    error::SqlState,
    types::ToSql,
};
use tokio_postgres_rustls::MakeRustlsConnect;

/// How long a network that answers nothing is believed in.
const SILENCE: Duration = Duration::from_secs(15);

/// How long a statement may take, and how long a transaction may lie idle, such as that of a machine that is gone.
const STATEMENT: Duration = Duration::from_secs(60);

/// Where the database is, without the password.
#[derive(Clone, Debug)]
pub(crate) struct Place(String);

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Place {
    pub(crate) fn named(name: &str) -> Self {
        Self(name.to_owned())
    }

    fn of(config: &Config) -> Self {
        let mut place = "postgres://".to_owned();
        let ports = config.get_ports();
        for (index, host) in config.get_hosts().iter().enumerate() {
            if index > 0 {
                place.push(',');
            }
            match host {
                Host::Tcp(name) => place.push_str(name),
                #[cfg(unix)]
                Host::Unix(path) => place.push_str(&path.display().to_string()),
            }
            if let Some(port) = ports.get(index).or(ports.first()) {
                place.push_str(&format!(":{port}"));
            }
        }
        if let Some(database) = config.get_dbname() {
            place.push('/');
            place.push_str(database);
        }
        Self(place)
    }
}

/// Reads a URL.
pub(super) fn read_url(url: &str) -> Result<(Config, Place), EngineError> {
    let refuse = |reason: &str| EngineError::new(ErrorKind::Spec, "PIKKU_QUEUES", reason);
    // The cause may repeat a part of the URL, but none that holds the password.
    let mut config: Config =
        url.parse().map_err(|error: Error| refuse("it is no URL of a PostgreSQL database").caused_by(error))?;
    if config.get_hosts().is_empty() {
        return Err(refuse("the URL of the PostgreSQL database names no host"));
    }
    if config.get_ssl_mode() == SslMode::Prefer {
        // What goes over a network is not left to what stands between, which may say that the database knows no TLS.
        let is_here = config.get_hosts().iter().all(is_here) && config.get_hostaddrs().iter().all(IpAddr::is_loopback);
        config.ssl_mode(if is_here { SslMode::Disable } else { SslMode::Require });
    }
    let place = Place::of(&config);
    Ok((config, place))
}

/// Whether a database is on this machine.
fn is_here(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => pikku_https::is_here(name),
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

/// What opens TLS.
#[derive(Clone)]
struct Tls(MakeRustlsConnect);

impl fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Tls")
    }
}

/// What opens TLS, where it is spoken.
fn tls(config: &Config, settings: &PostgresSettings) -> Result<Option<Tls>, EngineError> {
    const VARIABLE: &str = "PGSSLROOTCERT";
    if config.get_ssl_mode() == SslMode::Disable {
        return Ok(None);
    }
    let roots = settings.root_certificates.clone().or_else(|| std::env::var_os(VARIABLE).map(PathBuf::from));
    let config = pikku_https::client_config(roots, VARIABLE)
        .map_err(|error| EngineError::new(ErrorKind::Spec, "PIKKU_QUEUES", error.to_string()).caused_by(error))?;
    Ok(Some(Tls(MakeRustlsConnect::new(config))))
}

/// What is committed how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Commit {
    /// Flushed to the disk before it is answered.
    Durable,
    /// Not waited for: a crash of the database takes back the last of it, as if it had not been asked.
    Quick,
}

/// A database, whether it can be reached or not.
#[derive(Debug)]
pub(crate) struct Store {
    pub(super) place: Place,
    pub(super) settings: PostgresSettings,
    config: Config,
    tls: Option<Tls>,
    durable: Pool,
    quick: Pool,
}

impl Store {
    pub(crate) fn new(url: &str, settings: PostgresSettings) -> Result<Self, EngineError> {
        let (mut config, place) = read_url(url)?;
        config.tcp_user_timeout(SILENCE).keepalives_idle(SILENCE);
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(settings.patience);
        }
        if config.get_application_name().is_none() {
            config.application_name("pikku");
        }
        let tls = tls(&config, &settings)?;
        let pool = |commit| -> Result<Pool, EngineError> {
            let config = with_options(&config, &settings, commit);
            let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
            let manager = match tls.clone() {
                Some(Tls(tls)) => Manager::from_config(config, tls, recycling),
                None => Manager::from_config(config, NoTls, recycling),
            };
            Pool::builder(manager)
                .max_size(settings.connections.max(1))
                .wait_timeout(Some(settings.patience))
                .create_timeout(Some(settings.patience))
                .runtime(Runtime::Tokio1)
                .build()
                .map_err(|error| EngineError::new(ErrorKind::Store, place.to_string(), error.to_string()))
        };
        let (durable, quick) = (pool(Commit::Durable)?, pool(Commit::Quick)?);
        config = with_options(&config, &settings, Commit::Durable);
        Ok(Self { place, settings, config, tls, durable, quick })
    }

    /// Makes the tables, or sees that they are there.
    pub(super) async fn migrate(&self) -> Result<(), EngineError> {
        let mut client = self.client(Commit::Durable).await?;
        schema::migrate(&mut client, &self.place).await.map_err(|failure| self.error(failure))
    }

    /// How connections beside the pools are made: to where, and what opens TLS where it is spoken.
    pub(super) fn config(&self) -> (&Config, Option<MakeRustlsConnect>) {
        (&self.config, self.tls.as_ref().map(|Tls(tls)| tls.clone()))
    }

    /// A connection. One that cannot be had is tried for again until the patience is at its end.
    pub(crate) async fn client(&self, commit: Commit) -> Result<Object, EngineError> {
        let pool = if commit == Commit::Durable { &self.durable } else { &self.quick };
        let begun = Instant::now();
        let mut pause = Duration::from_millis(20);
        loop {
            let error = match pool.get().await {
                Ok(client) => return Ok(client),
                Err(PoolError::Backend(error)) => self.error(error.into()),
                Err(PoolError::Timeout(_)) => {
                    let reason = format!("no connection within {:?}", self.settings.patience);
                    EngineError::new(ErrorKind::Unavailable, self.place.to_string(), reason)
                }
                Err(error) => EngineError::new(ErrorKind::Store, self.place.to_string(), error.to_string()),
            };
            if !error.is_retryable() || begun.elapsed() + pause > self.settings.patience {
                return Err(error);
            }
            // Not all at once, after a restart.
            tokio::time::sleep(pause.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
            pause = (pause * 2).min(Duration::from_millis(500));
        }
    }

    /// The time that statements are told, where it is not that of the database.
    pub(super) fn now(&self) -> Option<i64> {
        self.settings.clock.as_ref().map(|clock| clock.now().millis())
    }

    /// What a failure means.
    pub(crate) fn error(&self, failure: Failure) -> EngineError {
        match failure {
            Failure::Refused(error) => error,
            Failure::Store(error) | Failure::Commit(error) => read_error(&self.place, error),
        }
    }
}

fn with_options(config: &Config, settings: &PostgresSettings, commit: Commit) -> Config {
    let mut config = config.clone();
    let mut options = format!(
        "-c lock_timeout={} -c statement_timeout={} -c idle_in_transaction_session_timeout={}",
        millis(settings.patience),
        millis(STATEMENT),
        millis(STATEMENT),
    );
    if commit == Commit::Quick {
        options.push_str(" -c synchronous_commit=off");
    }
    // What the URL says comes later, and wins.
    if let Some(own) = config.get_options() {
        options.push(' ');
        options.push_str(own);
    }
    config.options(options);
    config
}

/// What is said in a connection, within a transaction or not.
#[derive(Clone, Copy)]
pub(super) struct Session<'a> {
    client: &'a Client,
    statements: Option<&'a StatementCache>,
    /// The time, where it is not that of the database.
    pub(super) now: Option<i64>,
}

type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

impl<'a> Session<'a> {
    /// In a connection of ours, which remembers statements.
    pub(super) fn new(client: &'a Client, statements: &'a StatementCache, now: Option<i64>) -> Self {
        Self { client, statements: Some(statements), now }
    }

    /// Without a transaction.
    pub(super) fn alone(client: &'a ClientWrapper, now: Option<i64>) -> Self {
        Self::new(client, &client.statement_cache, now)
    }

    /// In a connection of somebody else's.
    pub(super) fn foreign(client: &'a Client, now: Option<i64>) -> Self {
        Self { client, statements: None, now }
    }

    pub(super) async fn query(&self, sql: &'static str, parameters: Parameters<'_>) -> Result<Vec<Row>, Failure> {
        Ok(match self.statements {
            Some(statements) => {
                let statement = statements.prepare(self.client, sql).await?;
                self.client.query(&statement, parameters).await?
            }
            None => self.client.query(sql, parameters).await?,
        })
    }

    pub(super) async fn query_opt(
        &self,
        sql: &'static str,
        parameters: Parameters<'_>,
    ) -> Result<Option<Row>, Failure> {
        Ok(self.query(sql, parameters).await?.into_iter().next())
    }

    pub(super) async fn execute(&self, sql: &'static str, parameters: Parameters<'_>) -> Result<(), Failure> {
        self.query(sql, parameters).await.map(drop)
    }
}

/// Why something was not done.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It is refused.
    Refused(EngineError),
    /// The database failed, and what was done in the transaction is undone.
    Store(Error),
    /// It failed when it was told to commit, which it may have done.
    Commit(Error),
}

impl Failure {
    /// Whether the same may be done again at once: two transactions were in each other's way.
    pub(super) fn is_conflict(&self) -> bool {
        let (Self::Store(error) | Self::Commit(error)) = self else { return false };
        matches!(error.code(), Some(&SqlState::T_R_DEADLOCK_DETECTED | &SqlState::T_R_SERIALIZATION_FAILURE))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        Self::Refused(error)
    }
}

pub(crate) fn read_error(place: &Place, error: Error) -> EngineError {
    let (kind, reason) = match error.as_db_error() {
        Some(answer) => {
            let code = answer.code();
            let kind = match code {
                &SqlState::ADMIN_SHUTDOWN
                | &SqlState::CRASH_SHUTDOWN
                | &SqlState::CANNOT_CONNECT_NOW
                | &SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
                | &SqlState::TOO_MANY_CONNECTIONS
                // A standby answers so until it has taken over.
                | &SqlState::READ_ONLY_SQL_TRANSACTION => ErrorKind::Unavailable,
                &SqlState::DISK_FULL | &SqlState::OUT_OF_MEMORY => ErrorKind::Full,
                &SqlState::LOCK_NOT_AVAILABLE
                | &SqlState::QUERY_CANCELED
                | &SqlState::T_R_DEADLOCK_DETECTED
                | &SqlState::T_R_SERIALIZATION_FAILURE => ErrorKind::Locked,
                &SqlState::DATA_CORRUPTED | &SqlState::INDEX_CORRUPTED => ErrorKind::Corrupt,
                code if code.code().starts_with("08") => ErrorKind::Unavailable,
                _ => ErrorKind::Store,
            };
            (kind, format!("PostgreSQL answers {}: {}", code.code(), answer.message()))
        }
        None if error.is_closed() => (ErrorKind::Unavailable, "the connection was closed".to_owned()),
        None if is_io(&error) => (ErrorKind::Unavailable, "it cannot be reached".to_owned()),
        None => (ErrorKind::Store, "the connection failed".to_owned()),
    };
    EngineError::new(kind, place.to_string(), reason).caused_by(error)
}

/// Whether an error is one of the network: the address of the host, the connection, or the time that it took.
fn is_io(error: &Error) -> bool {
    let mut cause = error.source();
    while let Some(next) = cause {
        if next.is::<std::io::Error>() {
            return true;
        }
        cause = next.source();
    }
    false
}

/// The time of a column.
pub(super) fn time(row: &Row, column: usize) -> Result<Time, Failure> {
    Ok(Time::from_millis(row.try_get(column)?))
}

/// The span of a column.
pub(crate) fn span(row: &Row, column: usize) -> Result<Duration, Failure> {
    let millis: i64 = row.try_get(column)?;
    Ok(Duration::from_millis(millis.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_on_this_machine_is_spoken_to_over_tls_unless_the_url_says_otherwise() {
        for (url, mode) in [
            ("postgres://localhost/db", SslMode::Disable),
            ("postgres://127.0.0.1,[::1]/db", SslMode::Disable),
            ("postgres:///db?host=/run/postgresql", SslMode::Disable),
            ("postgres://db.example/db", SslMode::Require),
            ("postgres://localhost,db.example/db", SslMode::Require),
            ("postgres://localhost/db?hostaddr=192.0.2.7", SslMode::Require),
            ("postgres://localhost.example/db?sslmode=prefer", SslMode::Require),
            ("postgres://db.example/db?sslmode=disable", SslMode::Disable),
            ("postgres://localhost/db?sslmode=require", SslMode::Require),
        ] {
            assert_eq!(read_url(url).unwrap().0.get_ssl_mode(), mode, "{url}");
        }
    }
}
