use super::{
    scenario::{Message, Request, Scenario, Time},
    target::{Answer, Settled, Target, Variable},
};
use crate::server;
use pikku::call::CALLER;
use pikku_engines::{
    ManualClock, NewMessage, Outcome, QueueEngine, ScheduleSpec, Scheduler, Settlement, SqliteEngine, SqliteSettings,
    Time as Instant,
};
use pikku_local_server::{Handled, LocalServer};
use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tempfile::TempDir;
use tokio::time::sleep;

/// How often to look whether a message is handled.
const LOOK: Duration = Duration::from_millis(10);

/// How long the lock of a store is waited for while its server is stopped, which may hold it.
const PATIENCE: Duration = Duration::from_millis(200);

/// The packaged server as a process of its own: requests over real sockets, messages through a real database file.
#[derive(Debug)]
pub(super) struct Server {
    server: LocalServer,
    /// The same store that the server has open.
    engine: SqliteEngine,
    /// The same, for when the server is stopped.
    impatient: SqliteEngine,
    _folder: TempDir,
}

impl Target for Server {
    const NAME: &'static str = "server";

    async fn start(_: &Scenario, variables: &[Variable]) -> Result<Self, String> {
        between_hours().await;
        let folder = tempfile::tempdir().map_err(|why| why.to_string())?;
        let file = folder.path().join("pikku.db");
        let program = LocalServer::program(server("scenarios")).telling_of_messages();
        let program = variables.iter().fold(program, |program, (name, value)| program.variable(name, value));
        let program = program
            // One scenario waits until it is over.
            .variable("PIKKU_REQUEST_TIME", "3")
            // In the journal messages stand in the order in which they were sent.
            .variable("PIKKU_QUEUE_CALLS", "1")
            .variable("PIKKU_QUEUES", format!("sqlite:{}", file.display()));
        let server = program.start().await.map_err(|why| why.to_string())?;
        let engine = SqliteEngine::open(&file).map_err(|why| why.to_string())?;
        let settings = SqliteSettings { patience: PATIENCE, ..SqliteSettings::default() };
        let impatient = SqliteEngine::open_with(&file, settings).map_err(|why| why.to_string())?;
        Ok(Self { server, engine, impatient, _folder: folder })
    }

    async fn http(&self, request: &Request) -> Result<Answer, String> {
        let sent = pikku_local_server::Request::new(&request.method, request.target()).body(request.body.clone());
        let sent = request.headers.iter().fold(sent, |sent, (name, value)| sent.header(name, value));
        let response = self.server.send(sent).await.map_err(|why| why.to_string())?;
        Ok(Answer::new(response.status, response.headers, response.body))
    }

    async fn queue(&self, queue: &str, messages: &[Message]) -> Result<Vec<Settled>, String> {
        if messages.iter().all(|message| message.attempt == 1) {
            let sent: Vec<_> =
                messages.iter().map(|message| new_message(queue, message)).collect::<Result<_, String>>()?;
            let ids = self.enqueue(&sent).await?;
            return Ok(self.settled(queue, &ids).await);
        }
        let mut settled = Vec::new();
        for message in messages {
            let id = self.failed_before(queue, message).await?;
            settled.extend(self.settled(queue, &[id]).await);
        }
        Ok(settled)
    }

    async fn schedule(&self, schedule: &str, time: &Time) -> Result<Settled, String> {
        let clock = ManualClock::at(Instant::from_millis(i64::try_from(time.ms).map_err(|why| why.to_string())?));
        let spec = ScheduleSpec::new(schedule, "0 0 1 1 *");
        let engine: Arc<dyn QueueEngine> = Arc::new(self.engine.clone());
        let scheduler = Scheduler::new(engine, Arc::new(clock), vec![spec]).map_err(|why| why.to_string())?;
        let queue = format!("schedule.{schedule}");
        let before = self.server.handled(&queue).len();
        scheduler.run_now(schedule).await.map_err(|why| why.to_string())?;
        loop {
            if let Some(run) = self.server.handled(&queue).get(before) {
                return Ok(of(run));
            }
            sleep(LOOK).await;
        }
    }

    async fn log(&self) -> Vec<String> {
        self.server.logs()
    }
}

impl Server {
    async fn enqueue(&self, messages: &[NewMessage]) -> Result<Vec<String>, String> {
        let taken = self.engine.enqueue(messages).await.map_err(|why| why.to_string())?;
        Ok(taken.into_iter().map(|taken| taken.id).collect())
    }

    /// A message that has been delivered, and has failed, all but one of its attempts, while the server did not look; its
    /// id. A server that is stopped in the midst of writing holds the lock of the file: then it goes on, and is stopped anew.
    async fn failed_before(&self, queue: &str, message: &Message) -> Result<String, String> {
        let mut locked = String::new();
        for _ in 0..20 {
            self.server.pause().map_err(|why| why.to_string())?;
            let sent = self.impatient.enqueue(&[new_message(queue, message)?]).await;
            let prepared = match &sent {
                Ok(_) => self.fail(queue, message.attempt - 1).await,
                Err(why) => {
                    locked = why.to_string();
                    Ok(())
                }
            };
            self.server.resume().map_err(|why| why.to_string())?;
            prepared?;
            if let Ok(taken) = sent {
                return taken.into_iter().next().map(|taken| taken.id).ok_or_else(|| "it was not taken".to_owned());
            }
            sleep(LOOK).await;
        }
        Err(locked)
    }

    /// Has the one message of a queue fail so often.
    async fn fail(&self, queue: &str, times: u32) -> Result<(), String> {
        for _ in 0..times {
            let delivered = self.impatient.receive(queue, 1, Duration::ZERO).await.map_err(|why| why.to_string())?;
            let [delivery] = &delivered[..] else { return Err("the message is not there".to_owned()) };
            let outcome = Outcome::Retry { delay: Some(Duration::ZERO), reason: String::new() };
            let settlement = Settlement { receipt: delivery.receipt.clone(), outcome };
            self.impatient.settle(queue, &[settlement]).await.map_err(|why| why.to_string())?;
        }
        Ok(())
    }

    /// What the messages come to, in their order.
    async fn settled(&self, queue: &str, ids: &[String]) -> Vec<Settled> {
        loop {
            let all = self.server.handled(queue);
            let found: Vec<&Handled> =
                ids.iter().filter_map(|id| all.iter().find(|handled| handled.id == *id)).collect();
            if found.len() == ids.len() {
                return found.into_iter().map(of).collect();
            }
            sleep(LOOK).await;
        }
    }
}

/// A message as the server itself sends it.
fn new_message(queue: &str, message: &Message) -> Result<NewMessage, String> {
    let mut new = NewMessage::new(queue, message.body.as_str());
    if let Some(caller) = message.caller(queue)? {
        new.attributes.insert(CALLER.to_owned(), caller);
    }
    Ok(new)
}

fn of(handled: &Handled) -> Settled {
    if handled.done { Settled::Done } else { Settled::Failed("failed".to_owned()) }
}

/// Waits for the full hour where it comes soon: schedules of the app would run by themselves in the midst of a scenario.
async fn between_hours() {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let left = 3600 - since.as_secs() % 3600;
    if left <= 15 {
        sleep(Duration::from_secs(left + 1)).await;
    }
}
