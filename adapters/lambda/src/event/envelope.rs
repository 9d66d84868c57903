use super::text::Text;
use crate::http::{MultiPairs, Pairs};
use pikku::call::PlatformIdentity;
use serde::Deserialize;
use serde_json::value::RawValue;

/// The members of every kind of event that are looked at, read in one pass. Members that are `null` are absent, as
/// API Gateway's own console sends them.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Envelope<'a> {
    /// Batches: SQS, SNS, S3, DynamoDB, Kinesis.
    #[serde(borrow, rename = "Records")]
    pub(crate) records: Option<&'a RawValue>,

    /// HTTP and WebSocket.
    #[serde(borrow)]
    pub(crate) version: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) raw_path: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) raw_query_string: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) cookies: Option<Vec<Text<'a>>>,
    #[serde(borrow)]
    pub(crate) http_method: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) path: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) resource: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) headers: Option<Pairs<'a>>,
    #[serde(borrow)]
    pub(crate) multi_value_headers: Option<MultiPairs<'a>>,
    #[serde(borrow)]
    pub(crate) query_string_parameters: Option<Pairs<'a>>,
    #[serde(borrow)]
    pub(crate) multi_value_query_string_parameters: Option<MultiPairs<'a>>,
    #[serde(borrow)]
    pub(crate) body: Option<Text<'a>>,
    pub(crate) is_base64_encoded: Option<bool>,
    #[serde(borrow)]
    pub(crate) request_context: Option<RequestContext<'a>>,

    /// EventBridge.
    #[serde(borrow)]
    pub(crate) id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) source: Option<Text<'a>>,
    #[serde(borrow, rename = "detail-type")]
    pub(crate) detail_type: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) time: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) account: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) region: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) resources: Option<Vec<Text<'a>>>,
    #[serde(borrow)]
    pub(crate) detail: Option<&'a RawValue>,
}

/// What API Gateway and ALB say of a request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RequestContext<'a> {
    #[serde(borrow)]
    pub(crate) http: Option<HttpContext<'a>>,
    #[serde(borrow)]
    pub(crate) elb: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) identity: Option<Identity<'a>>,
    #[serde(borrow)]
    authorizer: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) request_id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) stage: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) domain_name: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) api_id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) connection_id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) event_type: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) route_key: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) message_id: Option<Text<'a>>,
    pub(crate) disconnect_status_code: Option<i32>,
    #[serde(borrow)]
    pub(crate) disconnect_reason: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HttpContext<'a> {
    #[serde(borrow)]
    pub(crate) method: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) source_ip: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Identity<'a> {
    #[serde(borrow)]
    pub(crate) source_ip: Option<Text<'a>>,
}

impl Envelope<'_> {
    /// Whether it is an event of a WebSocket API.
    pub(crate) fn is_socket(&self) -> bool {
        self.request_context
            .as_ref()
            .is_some_and(|context| context.connection_id.is_some() && context.event_type.is_some())
    }
}

impl RequestContext<'_> {
    /// Whom an authorizer of API Gateway, or IAM, has let in. It stands beside what the client sent, which has no part in it;
    /// a load balancer has none.
    pub(crate) fn identity_of_caller(&self) -> Option<Box<PlatformIdentity>> {
        let authorizer = self.authorizer.filter(|_| self.elb.is_none())?;
        Some(Box::new(PlatformIdentity::new("api-gateway", authorizer.get())))
    }
}
