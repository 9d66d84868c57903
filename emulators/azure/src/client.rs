//! HTTP with the handler, over the loopback.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use std::{error::Error, net::Ipv4Addr};
use tokio::{net::TcpStream, task::JoinHandle};

/// A response whose body is still to come. Its connection goes with it.
#[derive(Debug)]
pub(crate) struct Answering {
    pub(crate) response: Response<Incoming>,
    connection: JoinHandle<()>,
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

impl Answering {
    /// The next piece of the body.
    pub(crate) async fn chunk(&mut self) -> Option<Result<Bytes, String>> {
        loop {
            match self.response.body_mut().frame().await? {
                Ok(frame) => {
                    if let Ok(data) = frame.into_data() {
                        return Some(Ok(data));
                    }
                }
                Err(error) => return Some(Err(chain(&error))),
            }
        }
    }

    /// What is left of the body.
    pub(crate) async fn collect(&mut self) -> Result<Bytes, String> {
        let mut all = Vec::new();
        while let Some(chunk) = self.chunk().await {
            all.extend_from_slice(&chunk?);
        }
        Ok(all.into())
    }
}

/// Sends a request over a connection of its own.
pub(crate) async fn send(port: u16, request: Request<Full<Bytes>>) -> Result<Answering, String> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.map_err(|error| chain(&error))?;
    stream.set_nodelay(true).map_err(|error| chain(&error))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| chain(&error))?;
    // What breaks the connection breaks the request, which says so.
    let connection = tokio::spawn(async move { drop(connection.await) });
    match sender.send_request(request).await {
        Ok(response) => Ok(Answering { response, connection }),
        Err(error) => {
            connection.abort();
            Err(chain(&error))
        }
    }
}

/// Whether something answers at all (`SendPingRequestAsync`: a GET of `/` without any header of the host's).
pub(crate) async fn answers(port: u16) -> bool {
    let request = Request::get("/").header("host", format!("127.0.0.1:{port}")).body(Full::default());
    match request {
        Ok(request) => send(port, request).await.is_ok(),
        Err(_) => false,
    }
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
