//! Requests of AWS's JSON protocol, signed, and what its errors say.

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4::SigningParams,
};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, StatusCode, Uri, http::uri::Authority};
use serde_json::Value;
use std::{error::Error, fmt, time::SystemTime};

/// The most letters that are told of what a service says.
const MESSAGE: usize = 300;

/// The most letters of an error's name.
const CODE: usize = 100;

/// An action of a service that speaks AWS's JSON protocol.
#[derive(Debug)]
pub struct AwsAction<'a> {
    /// Where the request goes.
    pub endpoint: &'a Uri,
    /// The region that the signature is for.
    pub region: &'a str,
    /// What signatures call the service, such as `sqs`.
    pub service: &'a str,
    /// The version of the protocol that the service speaks: `1.0` or `1.1`.
    pub version: &'a str,
    /// The action's full name, such as `AmazonSQS.SendMessage`.
    pub action: &'a str,
    /// Whose signature it is.
    pub credentials: &'a Credentials,
}

impl AwsAction<'_> {
    /// The request with that input, in JSON, and a signature of that moment.
    ///
    /// # Errors
    ///
    /// It cannot be signed, or is no request of HTTP.
    pub fn signed(&self, input: &Bytes, now: SystemTime) -> Result<Request<Full<Bytes>>, Box<dyn Error + Send + Sync>> {
        let identity = self.credentials.clone().into();
        let parameters = SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name(self.service)
            .time(now)
            .settings(SigningSettings::default())
            .build()?
            .into();
        let host = self.endpoint.authority().map_or("", Authority::as_str);
        let content_type = format!("application/x-amz-json-{}", self.version);
        let headers = [("host", host), ("content-type", &content_type), ("x-amz-target", self.action)];
        let uri = self.endpoint.to_string();
        let signable = SignableRequest::new("POST", &*uri, headers.into_iter(), SignableBody::Bytes(input))?;
        let (instructions, _) = sign(signable, &parameters)?.into_parts();
        let mut request =
            Request::post(self.endpoint.path()).header("user-agent", concat!("pikku/", env!("CARGO_PKG_VERSION")));
        for (name, value) in headers.into_iter().chain(instructions.headers()) {
            request = request.header(name, value);
        }
        Ok(request.body(Full::new(input.clone()))?)
    }
}

/// An error that a service answered with.
#[derive(Debug, PartialEq, Eq)]
pub struct AwsError {
    status: StatusCode,
    code: String,
    message: String,
}

impl AwsError {
    /// Reads an error of the JSON protocol, `{"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "…"}`.
    ///
    /// Its text is left out where it repeats a secret: a signature that does not match is explained with the headers that
    /// were signed, and the session token is one of them.
    pub fn read(status: StatusCode, body: &[u8], credentials: &Credentials) -> Self {
        // What stands before the service, such as a proxy, answers in other forms; the status has to do then.
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |name: &str| body.get(name).and_then(Value::as_str);
        let code = text("__type").and_then(|kind| kind.rsplit('#').next()).unwrap_or_default();
        let mut message = text("message").or_else(|| text("Message")).unwrap_or_default().to_owned();
        let secrets = [credentials.secret_access_key(), credentials.session_token().unwrap_or_default()];
        if code.contains("Signature") || secrets.iter().any(|secret| !secret.is_empty() && message.contains(secret)) {
            message.clear();
        }
        if let Some((end, _)) = message.char_indices().nth(MESSAGE) {
            message.truncate(end);
            message.push('…');
        }
        Self { status, code: code.chars().take(CODE).collect(), message }
    }

    /// The kind of error, such as `QueueDoesNotExist`; empty where the answer is not the service's.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// Whether the same request may succeed a moment later.
    pub fn may_pass(&self) -> bool {
        self.status.is_server_error()
            || self.status == StatusCode::TOO_MANY_REQUESTS
            || self.code.contains("Throttl")
            || self.code.contains("TooManyRequests")
    }
}

impl fmt::Display for AwsError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.status.as_u16())?;
        if !self.code.is_empty() {
            write!(formatter, " {}", self.code)?;
        }
        if !self.message.is_empty() {
            write!(formatter, ": {}", self.message)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials() -> Credentials {
        Credentials::new("key", "plantedsecret7Qx-aws", Some("token".to_owned()), None, "test")
    }

    #[test]
    fn a_request_is_signed() {
        let endpoint = "https://sqs.eu-west-1.amazonaws.com/".parse().unwrap();
        let (service, credentials) = ("sqs", credentials());
        let action = AwsAction {
            endpoint: &endpoint,
            region: "eu-west-1",
            service,
            version: "1.0",
            action: "AmazonSQS.SendMessage",
            credentials: &credentials,
        };
        let request = action.signed(&Bytes::from("{}"), SystemTime::UNIX_EPOCH).unwrap();
        let header = |name: &str| request.headers()[name].to_str().unwrap();
        assert_eq!((request.uri().path(), header("host")), ("/", "sqs.eu-west-1.amazonaws.com"));
        assert_eq!((header("x-amz-target"), header("x-amz-date")), ("AmazonSQS.SendMessage", "19700101T000000Z"));
        let signature = header("authorization");
        assert!(signature.contains("Credential=key/19700101/eu-west-1/sqs/aws4_request"), "{signature}");
        assert!(!format!("{request:?}").contains("plantedsecret7Qx-aws"));
    }

    #[test]
    fn an_error_is_told_without_secrets() {
        let read = |status: u16, body: &str| {
            let error = AwsError::read(StatusCode::from_u16(status).unwrap(), body.as_bytes(), &credentials());
            (error.may_pass(), error.to_string())
        };
        let absent = r##"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"no such queue"}"##;
        assert_eq!(read(400, absent), (false, "400 QueueDoesNotExist: no such queue".to_owned()));
        assert_eq!(
            read(403, r#"{"__type":"Denied","Message":"not for plantedsecret7Qx-aws"}"#),
            (false, "403 Denied".to_owned())
        );
        assert_eq!(read(403, r#"{"__type":"BadSignature","message":"x"}"#), (false, "403 BadSignature".to_owned()));
        assert_eq!(read(400, r#"{"__type":"RequestThrottled"}"#), (true, "400 RequestThrottled".to_owned()));
        assert_eq!((read(503, "<html>"), read(429, "").0), ((true, "503".to_owned()), true));
        let long = read(400, &format!(r#"{{"message":"{}"}}"#, "é".repeat(301))).1;
        assert_eq!(long, format!("400: {}…", "é".repeat(300)));
    }
}
