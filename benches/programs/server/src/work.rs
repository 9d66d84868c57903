//! What both programs of axum share: the greeting, and how they are served.

use axum::{Router, serve::ListenerExt as _};
use serde::{Deserialize, Serialize};
use std::{env, io};
use tokio::net::TcpListener;

#[derive(Deserialize)]
pub struct Greet {
    pub name: String,
    pub age: Option<u32>,
    pub tags: Vec<String>,
}

#[derive(Serialize)]
pub struct Greeting {
    id: u64,
    text: String,
    likes: usize,
}

impl Greet {
    /// The work itself.
    pub fn greeting(self, id: u64) -> Greeting {
        let text = match self.age {
            Some(age) => format!("hello, {} ({age})", self.name),
            None => format!("hello, {}", self.name),
        };
        Greeting { id, text, likes: self.tags.len() }
    }
}

/// Serves, without a delay of small packets, as ours does.
pub async fn serve(router: Router) -> io::Result<()> {
    let address = env::var("PIKKU_ADDRESS").unwrap_or_else(|_| "127.0.0.1:0".to_owned());
    let listener = TcpListener::bind(address).await?;
    eprintln!("{{\"message\":\"listening on http://{}\"}}", listener.local_addr()?);
    let listener = listener.tap_io(|stream| {
        // One that cannot be set so is as slow as it is.
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, router).await
}
