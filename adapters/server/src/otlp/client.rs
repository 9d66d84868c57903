use bytes::Bytes;
use http::{Request, Response, Uri, header};
use http_body_util::Full;
use opentelemetry_http::{HttpClient, HttpError};
use pikku_https::{Answer, Client};
use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::runtime::Handle;

/// The collector that spans are sent to.
#[derive(Debug)]
pub(super) struct Collector {
    client: Arc<Client>,
    executor: Handle,
    /// The last sending failed: it is told once, not every five seconds.
    failing: AtomicBool,
}

impl Collector {
    pub(super) fn new(client: Client) -> Self {
        Self { client: Arc::new(client), executor: Handle::current(), failing: AtomicBool::new(false) }
    }

    fn tell(&self, failure: Option<&str>) {
        match (self.failing.swap(failure.is_some(), Ordering::Relaxed), failure) {
            (false, Some(why)) => tracing::warn!("the collector takes no spans, which are lost: {why}"),
            (true, None) => tracing::info!("the collector takes spans again"),
            _ => {}
        }
    }
}

impl HttpClient for Collector {
    // The library's own form of an asynchronous method, which runs on a thread without an executor.
    fn send_bytes<'s, 'f>(
        &'s self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'f>>
    where
        's: 'f,
        Self: 'f,
    {
        let client = Arc::clone(&self.client);
        let sending = self.executor.spawn(async move { send(&client, request).await });
        Box::pin(async move {
            let sent = sending.await.unwrap_or_else(|error| Err(error.into()));
            match &sent {
                Ok(response) if response.status().is_success() => self.tell(None),
                Ok(response) => self.tell(Some(&format!("it answered {}", response.status()))),
                Err(error) => self.tell(Some(&error.to_string())),
            }
            // What may be tried again, and when, the library knows by the status.
            sent
        })
    }
}

async fn send(client: &Client, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    let (mut parts, body) = request.into_parts();
    let authority = parts.uri.authority().ok_or("its address names no host")?.as_str().parse()?;
    parts.headers.insert(header::HOST, authority);
    parts.uri = Uri::from(parts.uri.path_and_query().cloned().ok_or("its address names no path")?);
    let Answer { status, headers, body } = client.exchange(Request::from_parts(parts, Full::new(body))).await?;
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}
