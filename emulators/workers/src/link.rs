//! The conversation with the driver: a command goes out as a line of JSON, and its reply comes back by its number.

use crate::{CallError, LogLine, Message, logs::Journal};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    process::{ChildStdin, ChildStdout},
    sync::{Notify, mpsc, oneshot},
};

/// A line of the driver.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Line {
    Event(Event),
    Reply { id: u64, reply: Value },
    Failure { id: u64, error: String },
}

#[derive(Debug, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Event {
    Ready { addresses: HashMap<String, SocketAddr> },
    Log { from: String, level: String, message: String },
    Collected { queue: String, messages: Vec<Message> },
    Failed { error: String },
}

/// What the driver has said so far.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) journal: Journal,
    /// Told after each line.
    pub(crate) news: Notify,
    collected: Mutex<HashMap<String, Vec<Message>>>,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    last: u64,
    replies: HashMap<u64, oneshot::Sender<Result<Value, CallError>>>,
    ended: bool,
}

/// The driver's end of the conversation.
#[derive(Debug)]
pub(crate) struct Link {
    lines: mpsc::UnboundedSender<String>,
    state: Arc<State>,
}

/// The addresses of the Workers by name, or why there are none.
pub(crate) type Ready = oneshot::Receiver<Result<HashMap<String, SocketAddr>, String>>;

impl Link {
    /// Tells the driver what to run.
    pub(crate) fn open(plan: &Value, stdin: ChildStdin, stdout: ChildStdout, journal: Journal) -> (Self, Ready) {
        let (lines, outgoing) = mpsc::unbounded_channel();
        let state =
            Arc::new(State { journal, news: Notify::new(), collected: Mutex::default(), waiting: Mutex::default() });
        // The receiver lives in the task below, which has not begun.
        let _ = lines.send(plan.to_string());
        tokio::spawn(write(stdin, outgoing));
        let (ready, is_ready) = oneshot::channel();
        tokio::spawn(read(stdout, Arc::clone(&state), ready));
        (Self { lines, state }, is_ready)
    }

    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    /// Has a command carried out.
    pub(crate) async fn call(&self, command: &str, mut arguments: Value, limit: Duration) -> Result<Value, CallError> {
        let (reply, replied) = oneshot::channel();
        let id = {
            let mut waiting = lock(&self.state.waiting);
            if waiting.ended {
                return Err(CallError::Ended);
            }
            waiting.last += 1;
            let id = waiting.last;
            waiting.replies.insert(id, reply);
            id
        };
        arguments["id"] = json!(id);
        arguments["command"] = json!(command);
        if self.lines.send(arguments.to_string()).is_err() {
            return Err(CallError::Ended);
        }
        match tokio::time::timeout(limit, replied).await {
            Ok(Ok(reply)) => reply,
            Ok(Err(_)) => Err(CallError::Ended),
            Err(_) => {
                lock(&self.state.waiting).replies.remove(&id);
                Err(CallError::TimedOut { limit })
            }
        }
    }
}

impl State {
    pub(crate) fn collected(&self, queue: &str) -> Vec<Message> {
        lock(&self.collected).get(queue).cloned().unwrap_or_default()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn write(mut stdin: ChildStdin, mut lines: mpsc::UnboundedReceiver<String>) {
    while let Some(mut line) = lines.recv().await {
        line.push('\n');
        // Where the driver has gone, the reader says so to those who wait.
        if stdin.write_all(line.as_bytes()).await.is_err() || stdin.flush().await.is_err() {
            return;
        }
    }
}

async fn read(
    stdout: ChildStdout,
    state: Arc<State>,
    ready: oneshot::Sender<Result<HashMap<String, SocketAddr>, String>>,
) {
    let mut ready = Some(ready);
    let mut lines = BufReader::new(stdout).lines();
    let mut last_words = None;
    while let Ok(Some(line)) = lines.next_line().await {
        match serde_json::from_str(&line) {
            Ok(Line::Event(Event::Ready { addresses })) => {
                // Who no longer waits for it has given up.
                let _ = ready.take().map(|ready| ready.send(Ok(addresses)));
            }
            Ok(Line::Event(Event::Log { from, level, message })) => {
                state.journal.add(LogLine { level, message, from_worker: from == "worker" });
            }
            Ok(Line::Event(Event::Collected { queue, messages })) => {
                lock(&state.collected).entry(queue).or_default().extend(messages);
            }
            Ok(Line::Event(Event::Failed { error })) => last_words = Some(error),
            Ok(Line::Reply { id, reply }) => answer(&state, id, Ok(reply)),
            Ok(Line::Failure { id, error }) => answer(&state, id, Err(CallError::Refused { reason: error })),
            Err(_) => state.journal.add(LogLine { level: "error".to_owned(), message: line, from_worker: false }),
        }
        state.news.notify_waiters();
    }
    if let Some(error) = &last_words {
        state.journal.add(LogLine { level: "error".to_owned(), message: error.clone(), from_worker: false });
    }
    if let Some(ready) = ready {
        let _ = ready.send(Err(last_words.unwrap_or_else(|| "Node ended without a word".to_owned())));
    }
    let mut waiting = lock(&state.waiting);
    waiting.ended = true;
    waiting.replies.clear();
    drop(waiting);
    state.news.notify_waiters();
}

fn answer(state: &State, id: u64, reply: Result<Value, CallError>) {
    let waiting = lock(&state.waiting).replies.remove(&id);
    // Who waited too long has given up.
    let _ = waiting.map(|waiting| waiting.send(reply));
}
