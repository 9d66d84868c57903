//! Two services in one process, for tests.

use pikku::{
    BoxError, BoxFuture,
    http::{
        Method,
        transport::{Answer, OutgoingRequest, Transport},
    },
    testing::TestApp,
};
use std::sync::Arc;

/// Calls an app in this process instead of one elsewhere:
/// `.with(Endpoint::<Prices>::new("https://prices.example", InProcess::of(prices))?)`.
#[derive(Clone, Debug)]
pub struct InProcess(Arc<TestApp>);

impl InProcess {
    /// This app.
    pub fn of(app: impl Into<Arc<TestApp>>) -> Self {
        Self(app.into())
    }
}

impl Transport for InProcess {
    fn post<'a>(&'a self, request: OutgoingRequest<'a>) -> BoxFuture<'a, Result<Answer, BoxError>> {
        Box::pin(async move {
            let uri: http::Uri = request.url.parse()?;
            let mut sent = self.0.request(Method::POST, uri.path());
            for (name, value) in request.headers.iter().filter(|(name, _)| name != "content-type") {
                sent = sent.header(name, value);
            }
            let answer = sent.body("application/json", request.body).send().await;
            let header = |name: &str| answer.header(name).map(str::to_owned);
            let is_too_large = answer.body().len() > request.most;
            Ok(Answer {
                status: answer.status(),
                content_type: header("content-type"),
                retry_after: header("retry-after"),
                body: if is_too_large { Default::default() } else { answer.body().clone() },
            })
        })
    }
}
