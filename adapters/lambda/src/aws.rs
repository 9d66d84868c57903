//! Asking a service of AWS: as whom, over which connection, and how often.

use aws_credential_types::Credentials;
use hyper::body::Bytes;
use pikku_https::{Answer, AwsAction, AwsError, Client, FailedAttempt, SendError, SetupError, send};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

/// How long an attempt may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The variable that names a file of root certificates, as it does for AWS's own tools.
const ROOTS: &str = "AWS_CA_BUNDLE";

/// Reads a variable of the environment; one that is empty is not set.
pub(crate) type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A variable that Lambda sets.
pub(crate) fn required(name: &str, env: Env<'_>) -> Result<String, SendError> {
    let unset = || format!("the variable {name} is not set; Lambda sets it for a function that has a role").into();
    env(name).ok_or_else(|| SendError::NoSender(unset()))
}

/// The credentials of the function's role. Their `Debug` hides the secret.
pub(crate) fn credentials(env: Env<'_>) -> Result<Credentials, SendError> {
    Ok(Credentials::new(
        required("AWS_ACCESS_KEY_ID", env)?,
        required("AWS_SECRET_ACCESS_KEY", env)?,
        env("AWS_SESSION_TOKEN"),
        None,
        "environment",
    ))
}

/// A service, with the connection to it that is kept.
#[derive(Debug)]
pub(crate) struct Service {
    /// As errors name it.
    name: &'static str,
    pub(crate) patience: Duration,
    /// The most octets of an answer, where it is more than the client takes by itself.
    most: Option<usize>,
    client: Mutex<Option<Arc<Client>>>,
}

impl Service {
    /// One that has not been asked yet.
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, patience: PATIENCE, most: None, client: Mutex::default() }
    }

    /// The same with answers of up to so many octets.
    #[cfg(feature = "secrets")]
    pub(crate) fn answers_up_to(self, most: usize) -> Self {
        Self { most: Some(most), ..self }
    }

    /// Asks for an action. The request is signed anew for each attempt.
    pub(crate) async fn ask(&self, action: &AwsAction<'_>, input: &Bytes) -> Result<Answer, SendError> {
        let client = self.client(action)?;
        let client = &*client;
        send(|| async move {
            let request = action.signed(input, SystemTime::now()).map_err(SendError::request)?;
            Ok(match client.exchange(request).await {
                Ok(answer) if answer.status.is_success() => Ok(answer),
                Ok(answer) => {
                    let error = AwsError::read(answer.status, &answer.body, action.credentials);
                    let outcome = Ok(error.to_string());
                    Err(FailedAttempt { service: self.name, may_pass: error.may_pass(), outcome })
                }
                Err(reason) => Err(FailedAttempt::silent(self.name, reason)),
            })
        })
        .await
    }

    /// The client of the action's endpoint: the one that is kept, unless two endpoints take turns.
    fn client(&self, action: &AwsAction<'_>) -> Result<Arc<Client>, SetupError> {
        let mut kept = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        match &*kept {
            Some(client) if client.reaches(action.endpoint) => Ok(Arc::clone(client)),
            _ => {
                let mut client = Client::new(action.endpoint, self.patience, ROOTS)?;
                if let Some(most) = self.most {
                    client = client.answers_up_to(most);
                }
                Ok(Arc::clone(kept.insert(Arc::new(client))))
            }
        }
    }
}
