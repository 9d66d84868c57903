//! Reads secrets from AWS Secrets Manager.
//!
//! As with SQS, one action of one service does not need an SDK: this is `GetSecretValue` in the service's JSON protocol,
//! with TLS by rustls and signatures by AWS's own `aws-sigv4`.
//!
//! - **Which secret.** The template hands the bundle `PIKKU_RESOURCES`, a JSON object in which `secret:<logical name>` is
//!   the secret's ARN. Where it has none, the variable that stands for the secret is read, as on other platforms.
//! - **Where.** The region in the ARN. `AWS_ENDPOINT_URL_SECRETS_MANAGER` and `AWS_ENDPOINT_URL` name another place to send
//!   requests to; only there is plain `http` spoken.
//! - **How often.** Three attempts, each of at most 5 s: after a lost connection, a timeout, throttling, or a status of 500 and
//!   above. What is kept, and how long, is the runtime's matter.
//! - **What is told.** What AWS's errors say; neither the secret nor credentials are in an error.

use crate::{
    aws::{Env, Service, credentials},
    platform::Vault,
};
use aws_credential_types::Credentials;
use hyper::{Uri, body::Bytes};
use pikku::{BoxError, BoxFuture, Secret, json};
use pikku_https::{Answer, AwsAction, RESOURCES};
use serde_json::{Value, json as value};

/// The most octets of an answer: a secret has at most 65,536, which JSON may write as six each.
const ANSWER: usize = 512 * 1_024;
/// The variables that name another endpoint, the first that is set.
const ENDPOINTS: [&str; 2] = ["AWS_ENDPOINT_URL_SECRETS_MANAGER", "AWS_ENDPOINT_URL"];

/// The reader of a bundle that reads secrets.
#[derive(Debug)]
pub(crate) struct SecretsManager(Service);

impl Vault for SecretsManager {
    fn secret<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Secret<String>>, BoxError>> {
        Box::pin(async move {
            let Some(target) = Target::of(name, &|name| std::env::var(name).ok())? else { return Ok(None) };
            self.read(&target).await.map(Some)
        })
    }
}

/// A secret, and how it is asked for.
#[derive(Debug)]
struct Target {
    arn: String,
    endpoint: Uri,
    region: String,
    /// Its `Debug` hides the secret.
    credentials: Credentials,
}

impl Target {
    /// Reads what the environment says about a secret; `None` where it says nothing.
    fn of(name: &str, env: Env<'_>) -> Result<Option<Self>, BoxError> {
        let env = |name: &str| env(name).filter(|value| !value.is_empty());
        let Some(resources) = env(RESOURCES) else { return Ok(None) };
        let Ok(Value::Object(addresses)) = json::from_slice(resources.as_bytes()) else {
            return Err("the variable PIKKU_RESOURCES is not a JSON object from names to addresses".into());
        };
        let Some(arn) = addresses.get(&format!("secret:{name}")).and_then(Value::as_str) else { return Ok(None) };
        // arn:aws:secretsmanager:eu-west-1:123456789012:secret:name-AbCdEf
        let mut parts = arn.split(':');
        let (Some("arn"), Some(partition), Some("secretsmanager"), Some(region)) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(format!("the ARN of the secret `{name}` in PIKKU_RESOURCES is none of Secrets Manager").into());
        };
        let is_label =
            |text: &str| !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-');
        if !is_label(region) {
            return Err(format!("the ARN of the secret `{name}` in PIKKU_RESOURCES names no region").into());
        }
        let domain = if partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
        let own = || format!("https://secretsmanager.{region}.{domain}/");
        let endpoint = ENDPOINTS.iter().find_map(|name| env(name)).unwrap_or_else(own);
        let endpoint: Uri = endpoint.parse().map_err(|_| "the endpoint of Secrets Manager is no URL")?;
        let credentials = credentials(&env)?;
        Ok(Some(Self { arn: arn.to_owned(), region: region.to_owned(), endpoint, credentials }))
    }
}

impl SecretsManager {
    /// A reader that has done nothing yet.
    pub(crate) fn new() -> Self {
        Self(Service::new("Secrets Manager").answers_up_to(ANSWER))
    }

    async fn read(&self, target: &Target) -> Result<Secret<String>, BoxError> {
        let action = AwsAction {
            endpoint: &target.endpoint,
            region: &target.region,
            service: "secretsmanager",
            version: "1.1",
            action: "secretsmanager.GetSecretValue",
            credentials: &target.credentials,
        };
        let input = Bytes::from(value!({ "SecretId": target.arn }).to_string());
        content(&self.0.ask(&action, &input).await?)
    }
}

/// The text of a secret.
fn content(answer: &Answer) -> Result<Secret<String>, BoxError> {
    let read = json::from_slice::<Value>(&answer.body);
    match read.as_ref().map(|value| value.get("SecretString")) {
        Ok(Some(Value::String(text))) => Ok(Secret::new(text.clone())),
        Ok(_) => Err("the secret is not kept as a text: binary ones are not read".into()),
        // What was read of it is not told.
        Err(_) => Err("Secrets Manager answered what is no JSON".into()),
    }
}

#[cfg(test)]
mod tests;
