use super::{
    PRIVATE,
    scenario::{Request, Source},
    target::{Answer, Target},
};
use crate::server;
use pikku_local_server::LocalServer;

/// The packaged server as a process of its own, over real sockets.
#[derive(Debug)]
pub(super) struct Server(LocalServer);

impl Target for Server {
    const NAME: &'static str = "server";

    const LACKS: &'static [(Source, &'static str)] = &[
        (Source::Queue, "the server has no engine for queues yet"),
        (Source::Schedule, "the server has no engine for schedules yet"),
    ];

    async fn start(_group: &str) -> Result<Self, String> {
        let program = LocalServer::program(server("scenarios"));
        // One scenario waits until it is over.
        let program = program.variable(scenarios::PRIVATE_VARIABLE, PRIVATE).variable("PIKKU_REQUEST_TIME", "3");
        program.start().await.map(Self).map_err(|why| why.to_string())
    }

    async fn http(&self, request: &Request) -> Result<Answer, String> {
        let sent = pikku_local_server::Request::new(&request.method, request.target()).body(request.body.clone());
        let sent = request.headers.iter().fold(sent, |sent, (name, value)| sent.header(name, value));
        let response = self.0.send(sent).await.map_err(|why| why.to_string())?;
        Ok(Answer::new(response.status, response.headers, response.body))
    }

    async fn log(&self) -> Vec<String> {
        self.0.logs()
    }
}
