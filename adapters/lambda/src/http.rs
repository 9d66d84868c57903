//! HTTP events: API Gateway, Function URLs and Application Load Balancers.

mod pairs;
mod request;
mod response;

use crate::{
    error::InvocationError,
    event::{Envelope, owned},
};
pub(crate) use pairs::{MultiPairs, Pairs};
use pikku::{Engine, Response, call::Context};
pub(crate) use request::{body, headers};

/// The form of an HTTP event, and of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// API Gateway's payload format 1.0: REST APIs, and HTTP APIs that ask for it. ("Set up Lambda proxy integrations in
    /// API Gateway")
    V1,
    /// API Gateway's payload format 2.0: HTTP APIs. ("Create AWS Lambda proxy integrations for HTTP APIs")
    V2,
    /// Function URLs: format 2.0, the path still percent-encoded. ("Invoking Lambda function URLs")
    FunctionUrl,
    /// Application Load Balancer with single values. ("Use Lambda functions as targets of an Application Load Balancer")
    Alb,
    /// Application Load Balancer with multi-value headers.
    AlbMultiValue,
}

impl Format {
    /// The form, told by the members that only it has; `None` where it is no HTTP event.
    pub(crate) fn of(envelope: &Envelope<'_>) -> Option<Self> {
        let context = envelope.request_context.as_ref();
        if envelope.version.as_deref() == Some("2.0") || context.is_some_and(|context| context.http.is_some()) {
            let url = context.and_then(|c| c.domain_name.as_deref()).is_some_and(|name| name.contains(".lambda-url."));
            return Some(if url { Self::FunctionUrl } else { Self::V2 });
        }
        if context.is_some_and(|context| context.elb.is_some()) {
            let multi =
                envelope.multi_value_headers.is_some() || envelope.multi_value_query_string_parameters.is_some();
            return Some(if multi { Self::AlbMultiValue } else { Self::Alb });
        }
        (envelope.http_method.is_some() && envelope.path.is_some()).then_some(Self::V1)
    }
}

pub(crate) async fn handle(
    engine: &Engine,
    format: Format,
    envelope: Envelope<'_>,
    mut context: Context,
) -> Result<String, InvocationError> {
    context.identity = envelope.request_context.as_ref().and_then(|context| context.identity_of_caller());
    let head = envelope.request_context.as_ref().and_then(|context| context.http.as_ref());
    let head = head.and_then(|http| http.method.as_deref()).or(envelope.http_method.as_deref()) == Some("HEAD");
    let response = match request::read(format, envelope)? {
        Ok(request) => engine.http(request, context).await,
        // The client's own mistake: it gets the answer, not the platform.
        Err(problem) => Response::refusal(&problem, head),
    };
    Ok(response::write(format, response).await)
}

/// The path or another member that an event of this form cannot be without.
fn required(member: Option<&crate::event::Text<'_>>, name: &str) -> Result<String, InvocationError> {
    match member {
        Some(_) => Ok(owned(member)),
        None => Err(InvocationError::malformed(format!("it is an HTTP event without `{name}`"))),
    }
}
