//! Requests to SQS: its JSON protocol over HTTPS, signed, and what its errors mean.

use super::SqsSettings;
use crate::{EngineError, ErrorKind};
use bytes::Bytes;
use http::{Request, StatusCode, Uri};
use http_body_util::Full;
use pikku_https::{AwsAction, AwsError, Client};
use serde_json::Value;
use std::time::{Duration, Instant, SystemTime};

/// The variable that names a file of root certificates, as it does for AWS's own tools.
const ROOTS: &str = "AWS_CA_BUNDLE";

/// The most octets of an answer: ten messages of the largest size, as JSON escapes them.
const MOST_ANSWER: usize = 64 * 1024 * 1024;

/// The longest that SQS waits for messages.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// How long a request may take that waits for nothing.
const ATTEMPT: Duration = Duration::from_secs(5);

/// Where SQS is, and who asks.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) settings: SqsSettings,
    endpoint: Uri,
    prompt: Client,
    /// For requests that wait.
    patient: Client,
}

impl Service {
    pub(super) fn new(settings: SqsSettings) -> Result<Self, EngineError> {
        let wrong = |reason: String| EngineError::new(ErrorKind::Spec, "AWS_ENDPOINT_URL_SQS", reason);
        let endpoint: Uri = match &settings.endpoint {
            Some(url) => url.parse().map_err(|_| wrong("it is no URL".to_owned()))?,
            None => format!("https://sqs.{}.amazonaws.com/", settings.region)
                .parse()
                .map_err(|_| EngineError::new(ErrorKind::Spec, "AWS_REGION", "it is no region"))?,
        };
        if !matches!(endpoint.scheme_str(), Some("http" | "https")) || endpoint.host().is_none() {
            return Err(wrong("it does not begin with https:// or http://".to_owned()));
        }
        let client = |patience| {
            let client = Client::new(&endpoint, patience, ROOTS).map_err(|source| {
                let place = endpoint.to_string();
                EngineError::new(ErrorKind::Store, place, "the client cannot be set up").caused_by(source)
            })?;
            Ok::<_, EngineError>(client.answers_up_to(MOST_ANSWER))
        };
        let (prompt, patient) = (client(ATTEMPT)?, client(LONGEST_WAIT + ATTEMPT)?);
        Ok(Self { settings, endpoint, prompt, patient })
    }

    /// One action. What may pass is tried again until the patience is at its end.
    ///
    /// An attempt that was heard and not answered may have been done.
    pub(super) async fn call(&self, action: &str, input: &Value) -> Result<Value, EngineError> {
        self.attempts(&self.prompt, action, input).await
    }

    /// An action that waits for messages.
    pub(super) async fn wait(&self, action: &str, input: &Value) -> Result<Value, EngineError> {
        self.attempts(&self.patient, action, input).await
    }

    async fn attempts(&self, client: &Client, action: &str, input: &Value) -> Result<Value, EngineError> {
        let body = Bytes::from(input.to_string());
        let begun = Instant::now();
        let mut pause = Duration::from_millis(50);
        loop {
            let error = match client.exchange(self.signed(action, &body)?).await {
                Ok(answer) if answer.status.is_success() => match serde_json::from_slice(&answer.body) {
                    Ok(value) => return Ok(value),
                    // Some actions answer nothing.
                    Err(_) if answer.body.is_empty() && action != "ReceiveMessage" => return Ok(Value::Null),
                    Err(error) => self.failed(ErrorKind::Unavailable, "its answer breaks off").caused_by(error),
                },
                Ok(answer) => self.refused(answer.status, &answer.body),
                Err(reason) => self.failed(ErrorKind::Unavailable, "it cannot be reached").caused_by(reason),
            };
            if error.kind() != ErrorKind::Unavailable || begun.elapsed() + pause > self.settings.patience {
                return Err(error);
            }
            tokio::time::sleep(pause.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }

    fn signed(&self, action: &str, body: &Bytes) -> Result<Request<Full<Bytes>>, EngineError> {
        let (action, SqsSettings { region, credentials, .. }) = (format!("AmazonSQS.{action}"), &self.settings);
        let action = AwsAction {
            endpoint: &self.endpoint,
            region,
            service: "sqs",
            version: "1.0",
            action: &action,
            credentials,
        };
        let signed = action.signed(body, SystemTime::now());
        signed.map_err(|error| self.failed(ErrorKind::Store, "the request cannot be signed").caused_by(error))
    }

    /// What an error that SQS answered means.
    fn refused(&self, status: StatusCode, body: &[u8]) -> EngineError {
        let error = AwsError::read(status, body, &self.settings.credentials);
        let kind = match error.code() {
            "QueueDoesNotExist" | "NonExistentQueue" | "AWS.SimpleQueueService.NonExistentQueue" => {
                ErrorKind::UnknownQueue
            }
            "BatchRequestTooLong" | "InvalidMessageContents" => ErrorKind::Limit,
            _ if error.may_pass() => ErrorKind::Unavailable,
            _ => ErrorKind::Store,
        };
        self.failed(kind, &format!("SQS answers {error}"))
    }

    pub(super) fn failed(&self, kind: ErrorKind, reason: &str) -> EngineError {
        EngineError::new(kind, self.endpoint.to_string(), reason)
    }
}
