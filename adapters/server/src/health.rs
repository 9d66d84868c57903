//! Whether the server is alive, and whether it takes requests.

use crate::{Answer, AppService, pulse::Beat};
use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header};

/// Whether the server takes requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readiness {
    Ready,
    /// It was asked to stop.
    Stopping,
    /// The store of its queues cannot be used now.
    QueuesAway,
}

/// The paths that are answered here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Health {
    /// 200 as long as the process answers.
    pub(crate) live: Option<String>,
    /// 200 until the server is asked to stop, then 503; 503 as well while the store of its queues cannot be used.
    pub(crate) ready: Option<String>,
}

impl Health {
    /// Those that no route of the app takes: what the app answers is the app's.
    pub(crate) fn beside(mut self, service: &AppService) -> Self {
        for path in [&mut self.live, &mut self.ready] {
            if let Some(taken) = path.take_if(|path| service.engine().has_path(path)) {
                tracing::warn!("a route of the app answers {taken}, so the server's own health is not told there");
            }
        }
        self
    }

    /// The answer to a request for one of the paths.
    pub(crate) fn answer(
        &self,
        method: &Method,
        path: &str,
        readiness: impl FnOnce() -> Readiness,
        beat: &mut Option<Beat>,
    ) -> Option<Response<Answer>> {
        let is = |known: &Option<String>| known.as_deref() == Some(path);
        let (status, text) = match () {
            () if is(&self.live) => (StatusCode::OK, "{\"status\":\"alive\"}"),
            () if is(&self.ready) => match readiness() {
                Readiness::Ready => (StatusCode::OK, "{\"status\":\"ready\"}"),
                Readiness::Stopping => (StatusCode::SERVICE_UNAVAILABLE, "{\"status\":\"stopping\"}"),
                Readiness::QueuesAway => (StatusCode::SERVICE_UNAVAILABLE, "{\"status\":\"queues unavailable\"}"),
            },
            () => return None,
        };
        let (status, text) = match *method {
            Method::GET => (status, text),
            Method::HEAD => (status, ""),
            _ => (StatusCode::METHOD_NOT_ALLOWED, ""),
        };
        let mut response = Response::new(Answer::new(Bytes::from_static(text.as_bytes()).into(), None, beat.take()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        } else {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        Some(response)
    }
}
