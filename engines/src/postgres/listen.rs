//! Waking deliveries that wait, in this process and in others.
//!
//! What is sent is told by NOTIFY, after it is committed and beside it: a notification within a transaction has all
//! commits of the database wait for each other. A notification that is lost costs time and nothing else, for who waits
//! looks now and then by itself.

use super::store::Store;
use std::{
    collections::{BTreeSet, HashMap},
    future::poll_fn,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{Notify, mpsc},
    task::AbortHandle,
};
use tokio_postgres::{AsyncMessage, Client, Connection, NoTls};

/// What notifications are sent under; the payload is the queue's name.
pub(super) const CHANNEL: &str = "pikku_queue";

/// The most queues that wait to be told; those beyond it are looked at without.
const MOST_TOLD: usize = 1024;

/// Those who wait, by the names of their queues.
#[derive(Debug, Default)]
struct Waiting(Mutex<HashMap<String, Weak<Notify>>>);

impl Waiting {
    fn on(&self, queue: &str) -> Arc<Notify> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(notify) = waiting.get(queue).and_then(Weak::upgrade) {
            return notify;
        }
        waiting.retain(|_, notify| notify.strong_count() > 0);
        let notify = Arc::new(Notify::new());
        waiting.insert(queue.to_owned(), Arc::downgrade(&notify));
        notify
    }

    fn wake(&self, queue: &str) {
        let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(notify) = waiting.get(queue).and_then(Weak::upgrade) {
            notify.notify_waiters();
        }
    }

    fn wake_all(&self) {
        let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.values().filter_map(Weak::upgrade).for_each(|notify| notify.notify_waiters());
    }
}

/// Hears of what others send and tells them what is sent here, until it is dropped.
#[derive(Debug)]
pub(super) struct Listener {
    waiting: Arc<Waiting>,
    told: mpsc::Sender<String>,
    task: AbortHandle,
}

impl Listener {
    pub(super) fn start(store: Arc<Store>) -> Self {
        let waiting = Arc::new(Waiting::default());
        let (told, inbox) = mpsc::channel(MOST_TOLD);
        let task = tokio::spawn(run(store, Arc::clone(&waiting), inbox)).abort_handle();
        Self { waiting, told, task }
    }

    /// What is woken when a queue may have something.
    pub(super) fn on(&self, queue: &str) -> Arc<Notify> {
        self.waiting.on(queue)
    }

    /// A queue may have something from now on.
    pub(super) fn tell(&self, queue: &str) {
        self.waiting.wake(queue);
        // Where there are too many, they are looked at without.
        let _ = self.told.try_send(queue.to_owned());
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(store: Arc<Store>, waiting: Arc<Waiting>, mut inbox: mpsc::Receiver<String>) {
    let mut pause = Duration::from_millis(50);
    loop {
        if listen(&store, &waiting, &mut inbox).await {
            pause = Duration::from_millis(50);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(5));
    }
}

/// Listens until the connection ends. Answers whether there was one. Why it ended is not told: whoever uses the store
/// meets the same, and tells it.
async fn listen(store: &Store, waiting: &Arc<Waiting>, inbox: &mut mpsc::Receiver<String>) -> bool {
    // A connection is driven beside its client, which ends it.
    let (client, connection) = match store.config() {
        (config, Some(tls)) => {
            let Ok((client, connection)) = config.connect(tls).await else { return false };
            (client, tokio::spawn(hear(connection, Arc::clone(waiting))))
        }
        (config, None) => {
            let Ok((client, connection)) = config.connect(NoTls).await else { return false };
            (client, tokio::spawn(hear(connection, Arc::clone(waiting))))
        }
    };
    let _end = AbortOnDrop(connection.abort_handle());
    if client.batch_execute(&format!("LISTEN {CHANNEL}")).await.is_err() {
        return false;
    }
    // Something may have been sent before.
    waiting.wake_all();
    tokio::select! {
        () = tell(&client, inbox) => {}
        _ = connection => {}
    }
    waiting.wake_all();
    true
}

/// Drives a connection to its end and wakes who waits for what is told over it.
async fn hear<S, T>(mut connection: Connection<S, T>, waiting: Arc<Waiting>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
        if let AsyncMessage::Notification(notification) = message
            && notification.channel() == CHANNEL
        {
            waiting.wake(notification.payload());
        }
    }
}

/// Tells others, all that is there at once, until the connection fails.
async fn tell(client: &Client, inbox: &mut mpsc::Receiver<String>) {
    let mut names = Vec::new();
    while inbox.recv_many(&mut names, MOST_TOLD).await > 0 {
        let queues: Vec<String> = names.drain(..).collect::<BTreeSet<_>>().into_iter().collect();
        let sql = "SELECT pg_notify($1, name) FROM unnest($2::text[]) AS name";
        if client.execute(sql, &[&CHANNEL, &queues]).await.is_err() {
            return;
        }
    }
    // Nobody can tell any more: the engine is gone, and this task with it.
    std::future::pending().await
}

struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
