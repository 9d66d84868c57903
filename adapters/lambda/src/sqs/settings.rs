use crate::aws::{Env, credentials, required};
use aws_credential_types::Credentials;
use hyper::Uri;
use pikku_https::{AwsAction, RESOURCES, SendError, address_of};

/// The variables that name another endpoint, the first that is set.
const ENDPOINTS: [&str; 2] = ["AWS_ENDPOINT_URL_SQS", "AWS_ENDPOINT_URL"];

/// A queue, and how requests to it are sent.
#[derive(Debug)]
pub(super) struct Target {
    /// The queue's URL: its name for SQS.
    pub(super) queue_url: String,
    /// Where the request goes.
    endpoint: Uri,
    /// The region that the signature is for.
    region: String,
    /// Whose signature it is. Its `Debug` hides the secret.
    credentials: Credentials,
}

impl Target {
    /// Reads what the environment says about a queue.
    pub(super) fn of(queue: &str, env: Env<'_>) -> Result<Self, SendError> {
        let env = |name: &str| env(name).filter(|value| !value.is_empty());
        let queue_url = address_of(queue, &env)?;
        let variable = format!("{RESOURCES} of the queue `{queue}`");
        let url = parse(&queue_url, &variable)?;
        let other = ENDPOINTS.iter().find_map(|name| env(name).map(|value| (*name, value)));
        let region = match region_of(&url) {
            Some(region) => region.to_owned(),
            None => required("AWS_REGION", &env)?,
        };
        let endpoint = match other {
            Some((name, value)) => parse(&value, name)?,
            None if url.scheme_str() == Some("http") => {
                let reason = "is plain `http`, which is spoken only where AWS_ENDPOINT_URL_SQS asks for it";
                return Err(SendError::Address { variable, reason });
            }
            // SQS reads the queue from the body; the path is `/`.
            None => Uri::builder()
                .scheme("https")
                .authority(url.authority().map_or("", hyper::http::uri::Authority::as_str))
                .path_and_query("/")
                .build()
                .map_err(|_| SendError::Address { variable, reason: "is no URL" })?,
        };
        Ok(Self { queue_url, endpoint, region, credentials: credentials(&env)? })
    }

    /// What a message is sent by.
    pub(super) fn send_message(&self) -> AwsAction<'_> {
        AwsAction {
            endpoint: &self.endpoint,
            region: &self.region,
            service: "sqs",
            version: "1.0",
            action: "AmazonSQS.SendMessage",
            credentials: &self.credentials,
        }
    }

    /// Whether the queue keeps its messages in order.
    pub(super) fn is_fifo(&self) -> bool {
        self.queue_url.ends_with(".fifo")
    }
}

fn parse(url: &str, variable: &str) -> Result<Uri, SendError> {
    let wrong = |reason| SendError::Address { variable: variable.to_owned(), reason };
    let uri: Uri = url.parse().map_err(|_| wrong("is no URL"))?;
    match (uri.scheme_str(), uri.authority()) {
        (Some("http" | "https"), Some(_)) if uri.query().is_some() => {
            Err(wrong("has a query in it, which SQS does not take"))
        }
        (Some("http" | "https"), Some(authority)) if !authority.as_str().contains('@') => Ok(uri),
        (Some("http" | "https"), Some(_)) => Err(wrong("has a user in it, which SQS does not take")),
        _ => Err(wrong("does not begin with https://")),
    }
}

/// The region in the host of a queue's URL, which may be another than the function's.
fn region_of(url: &Uri) -> Option<&str> {
    let (region, _) = url.host()?.strip_prefix("sqs.")?.split_once(".amazonaws.com")?;
    (!region.contains('.')).then_some(region)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIL: (&str, &str) =
        (RESOURCES, r#"{"queue:mail":"https://sqs.eu-west-1.amazonaws.com/123456789012/mail-1X"}"#);

    fn target(queue: &str, more: &[(&str, &str)]) -> Result<Target, String> {
        let base = [("AWS_REGION", "us-east-1"), ("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "hush-hush")];
        let env = |name: &str| {
            let mut all = base.iter().chain(more);
            all.rfind(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        Target::of(queue, &env).map_err(|error| error.to_string())
    }

    #[test]
    fn a_queue_is_where_its_url_says() {
        let target = target("mail", &[MAIL]).unwrap();
        assert_eq!(target.endpoint, "https://sqs.eu-west-1.amazonaws.com/");
        assert_eq!(target.region, "eu-west-1");
        assert!(!target.is_fifo());
        assert!(!format!("{target:?}").contains("hush-hush"));
    }

    #[test]
    fn an_endpoint_of_ones_own_comes_first_and_may_be_plain() {
        let here = ("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:9324");
        let local = (RESOURCES, r#"{"queue:mail":"http://localhost:9324/000000000000/mail.fifo"}"#);
        let target = target("mail", &[local, ("AWS_ENDPOINT_URL", "https://elsewhere"), here]).unwrap();
        assert_eq!(target.endpoint, "http://127.0.0.1:9324/");
        assert_eq!(target.region, "us-east-1");
        assert!(target.is_fifo());
    }

    #[test]
    fn plain_http_is_refused_unless_asked_for() {
        let plain = (RESOURCES, r#"{"queue:mail":"http://sqs.eu-west-1.amazonaws.com/123456789012/mail"}"#);
        assert!(target("mail", &[plain]).unwrap_err().contains("AWS_ENDPOINT_URL_SQS"));
    }

    #[test]
    fn what_is_missing_is_named_with_its_fix() {
        for more in [&[][..], &[MAIL]] {
            let error = target("orders", more).unwrap_err();
            assert!(error.contains("`orders`") && error.contains(r#"Need::SendToQueue("orders")"#), "{error}");
        }
        assert!(target("mail", &[MAIL, ("AWS_ACCESS_KEY_ID", "")]).unwrap_err().contains("AWS_ACCESS_KEY_ID"));
        assert!(target("mail", &[(RESOURCES, "[1]")]).unwrap_err().contains(RESOURCES));
        for url in ["ftp://x/y", "mail", "https://user:pass@sqs.eu-west-1.amazonaws.com/1/mail"] {
            let error = target("mail", &[(RESOURCES, &format!(r#"{{"queue:mail":{url:?}}}"#))]).unwrap_err();
            assert!(error.contains("the address in PIKKU_RESOURCES of the queue `mail`"), "{error}");
        }
    }

    #[test]
    fn only_aws_hosts_name_a_region() {
        let region = |url: &str| region_of(&url.parse().unwrap()).map(str::to_owned);
        assert_eq!(region("https://sqs.cn-north-1.amazonaws.com.cn/1/q").as_deref(), Some("cn-north-1"));
        assert_eq!(region("https://sqs.eu-west-1.localhost:4566/1/q"), None);
        assert_eq!(region("https://queue.amazonaws.com/1/q"), None);
    }
}
