use crate::{handler::Handler, platform::log};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use pikku::{Selection, platform::Level};
use std::{convert::Infallible, future::poll_fn, io, pin::pin, sync::Arc, task::Poll};
use tokio::net::{TcpListener, TcpStream};

/// The most octets of a request's head. The host's own server takes 32 KiB, and the host adds to it.
const HEAD: usize = 64 << 10;

/// The most headers of a request. The host's own server takes 100, and the host adds to them.
const HEADERS: usize = 128;

/// Takes the host's connections, for ever.
pub(crate) async fn serve<S: Selection>(listener: TcpListener, handler: Arc<Handler<S>>) {
    let failed = |error: &io::Error| log(Level::Error, "a connection could not be accepted", Some(&error.to_string()));
    loop {
        let (stream, _) = pikku_hyper::accept(&listener, failed).await;
        tokio::spawn(attend(stream, Arc::clone(&handler)));
    }
}

/// Answers what comes over a connection, until it ends.
async fn attend<S: Selection>(stream: TcpStream, handler: Arc<Handler<S>>) {
    let mut stopping = handler.stopping();
    let asked = stopping.clone();
    let answer = |request: hyper::Request<Incoming>| {
        let handler = Arc::clone(&handler);
        async move { Ok::<_, Infallible>(handler.answer(request).await) }
    };
    let mut builder = http1::Builder::new();
    builder.max_buf_size(HEAD).max_headers(HEADERS);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service_fn(answer)));
    let mut stop = pin!(async move {
        // The other end is dropped only after the last connection.
        let _ = stopping.wait_for(|stop| *stop).await;
        stopping
    });
    let (mut listening, mut told) = (false, None);
    poll_fn(|context| {
        // A connection is polled for each request: what has been polled once wakes this task by itself.
        if told.is_none() && (!listening || asked.has_changed().unwrap_or(true)) {
            listening = true;
            if let Poll::Ready(stopping) = stop.as_mut().poll(context) {
                connection.as_mut().graceful_shutdown();
                told = Some(stopping);
            }
        }
        // What breaks a connection off is the host's doing, and it says so itself.
        connection.as_mut().poll(context).map(drop)
    })
    .await;
}
