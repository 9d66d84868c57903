//! What every request to a service of Azure takes: a client that keeps its connection, and a token of the app's identity.

mod identity;

use hyper::{StatusCode, Uri};
use identity::Identity;
use pikku_https::{Client, FailedAttempt, SendError};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

/// How long an attempt may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The variable that names a file of root certificates, as it does for OpenSSL.
const ROOTS: &str = "SSL_CERT_FILE";

/// The most clients that are kept: one for each account, namespace and vault that an app asks.
const CLIENTS: usize = 8;

/// Reads a variable of the environment.
pub(crate) type Env<'a> = &'a (dyn Fn(&str) -> Option<String> + Sync);

/// A variable that is set to something.
pub(crate) fn env(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The clients and tokens that are kept.
#[derive(Debug)]
pub(crate) struct Cloud {
    clients: Mutex<Vec<Arc<Client>>>,
    identity: Identity,
    patience: Duration,
    /// The most octets of an answer, where it is more than a client takes by itself.
    most: Option<usize>,
}

impl Cloud {
    /// Nothing is read, parsed or connected yet.
    pub(crate) fn new() -> Self {
        Self { clients: Mutex::default(), identity: Identity::default(), patience: PATIENCE, most: None }
    }

    /// One whose attempts may take half a second.
    #[cfg(test)]
    pub(crate) fn impatient() -> Self {
        Self { patience: Duration::from_millis(500), ..Self::new() }
    }

    /// The same with answers of up to so many octets.
    #[cfg(feature = "secrets")]
    pub(crate) fn answers_up_to(self, most: usize) -> Self {
        Self { most: Some(most), ..self }
    }

    /// A token of the app's identity for a resource, as `service` wants it. Where there is no identity, the error says what
    /// else there might have been, `instead`.
    pub(crate) async fn token(
        &self,
        service: &'static str,
        resource: &str,
        instead: &str,
        env: Env<'_>,
    ) -> Result<Result<String, FailedAttempt>, SendError> {
        if let Some(token) = self.identity.kept(resource, SystemTime::now()) {
            return Ok(Ok(token));
        }
        let (endpoint, request) = identity::request(resource, instead, env)?;
        Ok(match self.client(&endpoint)?.exchange(request).await {
            Ok(answer) if answer.status.is_success() => Ok(self.identity.keep(resource, &answer.body)?),
            Ok(answer) => Err(answered("the managed identity", answer.status, &identity::code(&answer))),
            Err(reason) => Err(FailedAttempt::silent(service, format!("the endpoint of the identity: {reason}"))),
        })
    }

    /// A token that a service has not taken is asked for anew.
    pub(crate) fn forget(&self, resource: &str) {
        self.identity.forget(resource);
    }

    /// The client of an endpoint: the one that is kept, or a new one in the place of the oldest.
    pub(crate) fn client(&self, endpoint: &Uri) -> Result<Arc<Client>, SendError> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.iter().find(|client| client.reaches(endpoint)) {
            return Ok(Arc::clone(client));
        }
        let mut client = Client::new(endpoint, self.patience, ROOTS)?;
        if let Some(most) = self.most {
            client = client.answers_up_to(most);
        }
        let client = Arc::new(client);
        if clients.len() == CLIENTS {
            clients.remove(0);
        }
        clients.push(Arc::clone(&client));
        Ok(client)
    }
}

/// An answer that is an error: with the service's own name of it, such as `QueueNotFound`, where it has one.
pub(crate) fn answered(service: &'static str, status: StatusCode, code: &str) -> FailedAttempt {
    let answer = format!("{} {code}", status.as_u16()).trim_end().to_owned();
    FailedAttempt { service, outcome: Ok(answer), may_pass: may_pass(status) }
}

/// Whether the same request may be taken a moment later.
pub(crate) fn may_pass(status: StatusCode) -> bool {
    status.is_server_error() || [StatusCode::TOO_MANY_REQUESTS, StatusCode::REQUEST_TIMEOUT].contains(&status)
}
