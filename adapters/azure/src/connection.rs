use crate::{handler::Handler, platform::log};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use pikku::{Selection, platform::Level};
use std::{convert::Infallible, future::poll_fn, io, pin::pin, sync::Arc, task::Poll, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    time::sleep,
};

/// How long to wait when the process has no more files for connections.
const EXHAUSTED: Duration = Duration::from_secs(1);

/// The most octets of a request's head. The host's own server takes 32 KiB, and the host adds to it.
const HEAD: usize = 64 << 10;

/// The most headers of a request. The host's own server takes 100, and the host adds to them.
const HEADERS: usize = 128;

/// Takes the host's connections, for ever.
pub(crate) async fn serve<S: Selection>(listener: TcpListener, handler: Arc<Handler<S>>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // An answer's last octets do not wait for a full packet; a connection that keeps its delay serves as well.
                let _ = stream.set_nodelay(true);
                tokio::spawn(attend(stream, Arc::clone(&handler)));
            }
            Err(error) => refused(&error).await,
        }
    }
}

/// Answers what comes over a connection, until it ends.
async fn attend<S: Selection>(stream: TcpStream, handler: Arc<Handler<S>>) {
    let mut stopping = handler.stopping();
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
    let mut told = None;
    poll_fn(|context| {
        if told.is_none()
            && let Poll::Ready(stopping) = stop.as_mut().poll(context)
        {
            connection.as_mut().graceful_shutdown();
            told = Some(stopping);
        }
        // What breaks a connection off is the host's doing, and it says so itself.
        connection.as_mut().poll(context).map(drop)
    })
    .await;
}

/// A connection that could not be accepted: either it is gone already, or the process has too many files open.
async fn refused(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        return;
    }
    log(Level::Error, "a connection could not be accepted", Some(&error.to_string()));
    sleep(EXHAUSTED).await;
}
