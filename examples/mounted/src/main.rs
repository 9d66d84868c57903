//! Serves the router as axum does, and closes the app's services at the end.

use pikku::All;
use pikku_server::{AppService, Limits};
use std::error::Error;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:8080").await?;
    let api = AppService::start(mounted::app::<All>(), Limits::default()).await?;
    eprintln!("listening on http://{}", listener.local_addr()?);
    let stop = async {
        // Where the signal cannot be waited for, it ends the program by itself.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    axum::serve(listener, mounted::router(api.clone())).with_graceful_shutdown(stop).await?;
    api.close().await;
    Ok(())
}
