//! Reads secrets from AWS Secrets Manager, and from Parameter Store of AWS Systems Manager.
//!
//! As with SQS, one action of a service does not need an SDK: these are `GetSecretValue` and `GetParameter` in the services'
//! JSON protocol, with TLS by rustls and signatures by AWS's own `aws-sigv4`.
//!
//! - **Which secret.** The template hands the bundle `PIKKU_RESOURCES`, a JSON object in which `secret:<logical name>` is
//!   the secret's ARN, which says what keeps it. Where it has none, the variable that stands for the secret is read, as on
//!   other platforms.
//! - **Where.** The region in the ARN. `AWS_ENDPOINT_URL_SECRETS_MANAGER`, `AWS_ENDPOINT_URL_SSM` and `AWS_ENDPOINT_URL` name
//!   another place to send requests to; only there is plain `http` spoken.
//! - **How often.** Three attempts, each of at most 5 s: after a lost connection, a timeout, throttling, or a status of 500 and
//!   above. What is kept, and how long, is the runtime's matter.
//! - **What is taken.** Texts: no binary secrets, and no parameters but SecureStrings, for others are kept in the clear.
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

/// What keeps a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Store {
    SecretsManager,
    ParameterStore,
}

impl Store {
    /// What ARNs, endpoints and signatures call it.
    fn id(self) -> &'static str {
        match self {
            Self::SecretsManager => "secretsmanager",
            Self::ParameterStore => "ssm",
        }
    }

    /// As errors name it.
    fn name(self) -> &'static str {
        match self {
            Self::SecretsManager => "Secrets Manager",
            Self::ParameterStore => "Parameter Store",
        }
    }

    /// The variable that names another endpoint of this service alone.
    fn endpoint_variable(self) -> &'static str {
        match self {
            Self::SecretsManager => "AWS_ENDPOINT_URL_SECRETS_MANAGER",
            Self::ParameterStore => "AWS_ENDPOINT_URL_SSM",
        }
    }
}

/// The reader of a bundle that reads secrets.
#[derive(Debug)]
pub(crate) struct Secrets {
    manager: Service,
    parameters: Service,
}

impl Vault for Secrets {
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
    store: Store,
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
        // arn:aws:secretsmanager:eu-west-1:123456789012:secret:name-AbCdEf, arn:aws:ssm:eu-west-1:123456789012:parameter/name
        let mut parts = arn.splitn(6, ':');
        let mut part = || parts.next().unwrap_or_default();
        let (scheme, partition, service, region, _, resource) = (part(), part(), part(), part(), part(), part());
        let store = match (scheme, service) {
            ("arn", "secretsmanager") => Store::SecretsManager,
            ("arn", "ssm") if resource.starts_with("parameter/") => Store::ParameterStore,
            _ => {
                return Err(format!(
                    "the ARN of the secret `{name}` in PIKKU_RESOURCES is neither one of Secrets Manager nor a parameter's"
                )
                .into());
            }
        };
        let is_label =
            |text: &str| !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-');
        if !is_label(region) {
            return Err(format!("the ARN of the secret `{name}` in PIKKU_RESOURCES names no region").into());
        }
        let domain = if partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
        let own = || format!("https://{}.{region}.{domain}/", store.id());
        let named = env(store.endpoint_variable()).or_else(|| env("AWS_ENDPOINT_URL"));
        let endpoint = named.unwrap_or_else(own).parse();
        let endpoint: Uri = endpoint.map_err(|_| format!("the endpoint of {} is no URL", store.name()))?;
        let credentials = credentials(&env)?;
        Ok(Some(Self { store, arn: arn.to_owned(), region: region.to_owned(), endpoint, credentials }))
    }
}

impl Secrets {
    /// A reader that has done nothing yet.
    pub(crate) fn new() -> Self {
        let service = |store: Store| Service::new(store.name()).answers_up_to(ANSWER);
        Self { manager: service(Store::SecretsManager), parameters: service(Store::ParameterStore) }
    }

    async fn read(&self, target: &Target) -> Result<Secret<String>, BoxError> {
        let (service, action, input) = match target.store {
            Store::SecretsManager => {
                (&self.manager, "secretsmanager.GetSecretValue", value!({ "SecretId": target.arn }))
            }
            // It may be another account's, which has it under its whole ARN alone.
            Store::ParameterStore => {
                (&self.parameters, "AmazonSSM.GetParameter", value!({ "Name": target.arn, "WithDecryption": true }))
            }
        };
        let action = AwsAction {
            endpoint: &target.endpoint,
            region: &target.region,
            service: target.store.id(),
            version: "1.1",
            action,
            credentials: &target.credentials,
        };
        content(target.store, &service.ask(&action, &Bytes::from(input.to_string())).await?)
    }
}

/// The text of a secret.
fn content(store: Store, answer: &Answer) -> Result<Secret<String>, BoxError> {
    // What was read of it is not told.
    let no_json = |_| format!("{} answered what is no JSON", store.name());
    let value: Value = json::from_slice(&answer.body).map_err(no_json)?;
    let text = match store {
        Store::SecretsManager => value.get("SecretString"),
        Store::ParameterStore => {
            let parameter = value.get("Parameter");
            let kind = parameter.and_then(|parameter| parameter.get("Type")).and_then(Value::as_str);
            if kind.is_some_and(|kind| kind != "SecureString") {
                return Err(
                    "the parameter is no SecureString: it is kept in the clear; put the secret into one, and make \
                            this one void"
                        .into(),
                );
            }
            parameter.and_then(|parameter| parameter.get("Value"))
        }
    };
    match text {
        Some(Value::String(text)) => Ok(Secret::new(text.clone())),
        _ => Err("the secret is not kept as a text: binary ones are not read".into()),
    }
}

#[cfg(test)]
mod tests;
