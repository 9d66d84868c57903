use crate::Client;
use http_body_util::Full;
use hyper::{Request, Uri, header::HOST};
use pikku::{
    BoxError, BoxFuture,
    http::transport::{Answer, OutgoingRequest, Transport},
};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// The variable that names another file of root certificates than the system's, as OpenSSL has it.
const ROOTS: &str = "SSL_CERT_FILE";

/// How long a request may take at the most. Who calls waits no longer than it wants to.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// Posts by a small HTTPS client, on every target but Workers: HTTP/1.1, TLS 1.2 and 1.3. One connection is kept.
#[derive(Debug, Default)]
pub struct HttpsTransport {
    kept: Mutex<Option<Arc<Client>>>,
}

impl HttpsTransport {
    fn client(&self, endpoint: &Uri, most: usize) -> Result<Arc<Client>, BoxError> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = kept.as_ref().filter(|client| client.reaches(endpoint)) {
            return Ok(Arc::clone(client));
        }
        let client = Arc::new(Client::new(endpoint, PATIENCE, ROOTS)?.answers_up_to(most));
        *kept = Some(Arc::clone(&client));
        Ok(client)
    }

    async fn exchange(&self, request: OutgoingRequest<'_>) -> Result<Answer, BoxError> {
        let url: Uri = request.url.parse()?;
        let authority = url.authority().ok_or("the URL names no host")?;
        let scheme = url.scheme_str().unwrap_or_default();
        let endpoint = Uri::builder().scheme(scheme).authority(authority.clone()).path_and_query("/").build()?;
        let mut posted = Request::post(url.path()).header(HOST, authority.as_str());
        for (name, value) in request.headers {
            posted = posted.header(&**name, value);
        }
        let posted = posted.body(Full::new(request.body))?;
        let answer = self.client(&endpoint, request.most)?.exchange(posted).await?;
        let header = |name: &str| answer.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Ok(Answer {
            status: answer.status.as_u16(),
            content_type: header("content-type"),
            retry_after: header("retry-after"),
            body: answer.body,
        })
    }
}

impl Transport for HttpsTransport {
    fn post<'a>(&'a self, request: OutgoingRequest<'a>) -> BoxFuture<'a, Result<Answer, BoxError>> {
        Box::pin(self.exchange(request))
    }
}
