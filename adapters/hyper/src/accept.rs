use std::{
    io::{
        self,
        ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset},
    },
    net::SocketAddr,
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    time::sleep,
};

/// How long to wait when the process has no more files for connections.
const EXHAUSTED: Duration = Duration::from_secs(1);

/// The next connection, and its client. Where the process has too many files open, `failed` is told, and it is tried again
/// after a second.
pub async fn accept(listener: &TcpListener, failed: impl Fn(&io::Error)) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, client)) => {
                // An answer's last octets do not wait for a full packet; a connection that keeps its delay serves as well.
                let _ = stream.set_nodelay(true);
                return (stream, client);
            }
            // It is gone already.
            Err(error) if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) => {}
            Err(error) => {
                failed(&error);
                sleep(EXHAUSTED).await;
            }
        }
    }
}
