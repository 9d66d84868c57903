//! A program that sends, handles and schedules, until it is killed.
//!
//! It says what it does in lines of one write each, which a pipe keeps whole:
//! `send N`, `sent N ID`, `take N ID RECEIVES`, `handle N`, `done N ID RECEIVES`, `fail N`, `bury N`, `buried N`, `fired N`,
//! and at the end `dead N`. Ticks of a schedule are called `tick-N`, messages of an outbox `order-N`.

use pikku_engines::{
    Backoff, Body, Delivery, EngineError, Fired, Firing, NewMessage, OutboxRelay, Outcome, QueueEngine, QueueSpec,
    ScheduleStore, Settled, Settlement, SqliteEngine, SqliteOutbox, SystemClock, Time,
};
use std::{env, fmt::Display, io::Write as _, path::Path, process::ExitCode, sync::Arc, time::Duration};

const PLAIN: &str = "plain";
const FIFO: &str = "fifo";
const SCHEDULE: &str = "schedule.tick";
const ORDERS: &str = "orders";
const QUEUES: [&str; 4] = [PLAIN, FIFO, SCHEDULE, ORDERS];
/// The groups of the FIFO queue.
pub(crate) const GROUPS: u64 = 5;

/// How long a killed program's messages are hidden. Short, so that they come again within the test.
const VISIBILITY: Duration = Duration::from_millis(400);

pub(crate) fn main(store: &Path) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let result = runtime.map_err(|error| error.to_string()).and_then(|runtime| runtime.block_on(run(store)));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(format_args!("wrong {}", error.replace('\n', " ")));
            ExitCode::FAILURE
        }
    }
}

async fn run(store: &Path) -> Result<(), String> {
    let engine = patient(|| async { SqliteEngine::open(store) }).await?;
    let queue = |name: &str| QueueSpec {
        visibility: VISIBILITY,
        backoff: Backoff { first: Duration::from_millis(2), most: Duration::from_millis(20), jitter: true },
        // A crash is no failure of a message: none dies of crashes here.
        max_receives: 1_000_000,
        fifo: name == FIFO,
        ..QueueSpec::new(name)
    };
    let queues = QUEUES.map(queue);
    patient(|| engine.declare(&queues)).await?;
    let app = store.with_file_name("app.db");
    let outbox = patient(|| async { SqliteOutbox::open(&app) }).await?;
    let relay = OutboxRelay::new(Arc::new(outbox), Arc::new(engine.clone()), Arc::new(SystemClock));
    if env::var("PIKKU_CRASH_MODE").as_deref() == Ok("drain") {
        while patient(|| relay.step()).await?.sent > 0 {}
        return drain(&engine).await;
    }
    let mut app = open_app(&app).map_err(|error| error.to_string())?;
    let send = async { forever(async || send(&engine).await).await };
    let handle =
        async |queue| forever(async || handle(&engine, queue, Duration::from_millis(20)).await.map(drop)).await;
    let fire = async { forever(async || fire(&engine).await).await };
    let order = async { forever(async || order(&mut app).await).await };
    let relay = async { forever(async || patient(|| relay.step()).await.map(drop)).await };
    let handle = async { tokio::try_join!(handle(PLAIN), handle(FIFO), handle(SCHEDULE), handle(ORDERS)) };
    tokio::try_join!(send, handle, fire, order, relay).map(drop)
}

async fn forever(mut step: impl AsyncFnMut() -> Result<(), String>) -> Result<(), String> {
    loop {
        step().await?;
    }
}

/// Sends a few messages at once, and now and then again what was sent: that is one message still.
async fn send(engine: &SqliteEngine) -> Result<(), String> {
    let first = fastrand::u64(1..u64::MAX / 2) << 3;
    let count = fastrand::u64(1..=4);
    let numbers: Vec<u64> = (first..first + count).collect();
    let messages: Vec<NewMessage> = numbers.iter().map(|number| message(*number)).collect();
    for number in &numbers {
        say(format_args!("send {number}"));
    }
    for _ in 0..fastrand::u8(1..=2) {
        let taken = patient(|| engine.enqueue(&messages)).await?;
        for (number, taken) in numbers.iter().zip(&taken) {
            say(format_args!("sent {number} {}", taken.id));
        }
    }
    // As fast as they are handled.
    while patient(|| engine.stats(PLAIN)).await?.ready > 50 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}

/// The FIFO group of a number.
pub(crate) fn group(number: u64) -> Option<u64> {
    number.is_multiple_of(3).then_some(number % GROUPS)
}

fn message(number: u64) -> NewMessage {
    let text = number.to_string();
    if let Some(group) = group(number) {
        return NewMessage::new(FIFO, text.clone()).group(group.to_string()).deduplication_id(text);
    }
    let delay = if number.is_multiple_of(7) { Duration::from_millis(number % 10) } else { Duration::ZERO };
    NewMessage::new(PLAIN, text.clone()).priority((number % 5) as i8).delay(delay).deduplication_id(text)
}

/// Handles what is there. Answers how many there were.
async fn handle(engine: &SqliteEngine, queue: &str, wait: Duration) -> Result<usize, String> {
    let deliveries = patient(|| engine.receive(queue, 5, wait)).await?;
    for delivery in &deliveries {
        say(format_args!("take {} {} {}", name(delivery)?, delivery.id, delivery.receives));
    }
    for delivery in &deliveries {
        settle(engine, queue, delivery).await?;
    }
    Ok(deliveries.len())
}

/// The app's own database, with its table of orders.
pub(crate) fn open_app(path: &Path) -> rusqlite::Result<rusqlite::Connection> {
    let app = rusqlite::Connection::open(path)?;
    app.busy_timeout(Duration::from_secs(30))?;
    app.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL")?;
    app.execute_batch("CREATE TABLE IF NOT EXISTS orders (number INTEGER)")?;
    SqliteOutbox::create(&app)?;
    Ok(app)
}

/// Places an order and tells of it in one transaction, or does neither.
async fn order(app: &mut rusqlite::Connection) -> Result<(), String> {
    let number = fastrand::u32(..);
    let mut place = || -> rusqlite::Result<()> {
        let transaction = app.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        transaction.execute("INSERT INTO orders VALUES (?1)", [number])?;
        SqliteOutbox::add(&transaction, &NewMessage::new(ORDERS, number.to_string()))
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        if fastrand::u8(..4) == 0 { transaction.rollback() } else { transaction.commit() }
    };
    place().map_err(|error| error.to_string())?;
    tokio::time::sleep(Duration::from_millis(10)).await;
    Ok(())
}

/// The number of a message, that of a tick or of an order marked as such.
fn name(delivery: &Delivery) -> Result<String, String> {
    let Body::Text(number) = &delivery.body else { return Err("a text was sent".to_owned()) };
    Ok(match delivery.queue.as_str() {
        SCHEDULE => format!("tick-{number}"),
        ORDERS => format!("order-{number}"),
        _ => number.clone(),
    })
}

async fn settle(engine: &SqliteEngine, queue: &str, delivery: &Delivery) -> Result<(), String> {
    let name = name(delivery)?;
    let digits = name.trim_start_matches(|first: char| !first.is_ascii_digit());
    let number: u64 = digits.parse().map_err(|error| format!("{name}: {error}"))?;
    let outcome = match number % 50 {
        49 if name == digits => Outcome::Dead { reason: "49".to_owned() },
        48 if delivery.receives < 3 => Outcome::Retry { delay: None, reason: "48".to_owned() },
        _ => Outcome::Done,
    };
    match outcome {
        Outcome::Done => say(format_args!("handle {name}")),
        Outcome::Dead { .. } => say(format_args!("bury {name}")),
        _ => say(format_args!("fail {name}")),
    }
    let settlement = [Settlement { receipt: delivery.receipt.clone(), outcome }];
    let settled = patient(|| engine.settle(queue, &settlement)).await?;
    match settled.as_slice() {
        [Settled::Done] => say(format_args!("done {name} {} {}", delivery.id, delivery.receives)),
        [Settled::Dead] => say(format_args!("buried {name}")),
        [Settled::Stale | Settled::Retrying(_)] => {}
        other => return Err(format!("{name} was settled as {other:?}")),
    }
    Ok(())
}

/// Fires the next tick, which two programs race for.
async fn fire(engine: &SqliteEngine) -> Result<(), String> {
    let holder = env::var("PIKKU_CRASH_NUMBER").unwrap_or_default();
    let span = Duration::from_millis(30);
    if let Some(lease) = patient(|| engine.lease("tick", &holder, span)).await? {
        let from = patient(|| engine.mark("tick")).await?;
        let to = Time::from_millis(from.map_or(0, Time::millis) + 1);
        let tick = to.millis().to_string();
        let runs = vec![NewMessage::new(SCHEDULE, tick.clone()).deduplication_id(tick.clone())];
        let firing = Firing { schedule: "tick".to_owned(), lease: lease.clone(), from, to, runs, unless_busy: false };
        if patient(|| engine.fire(&firing)).await? == Fired::Enqueued {
            say(format_args!("fired tick-{tick}"));
        }
        patient(|| ScheduleStore::release(engine, &lease)).await?;
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    Ok(())
}

/// Handles until there is nothing left, not even what is hidden.
async fn drain(engine: &SqliteEngine) -> Result<(), String> {
    loop {
        let mut left = 0;
        for queue in QUEUES {
            while handle(engine, queue, Duration::ZERO).await? > 0 {}
            let stats = patient(|| engine.stats(queue)).await?;
            left += stats.ready + stats.waiting + stats.in_flight;
        }
        if left == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for queue in QUEUES {
        for letter in patient(|| engine.dead_letters(queue, None, usize::MAX)).await? {
            let Body::Text(number) = letter.body else { return Err("a text was sent".to_owned()) };
            say(format_args!("dead {number}"));
        }
    }
    Ok(())
}

/// Tries again while the other program holds the file.
async fn patient<T, F>(mut attempt: impl FnMut() -> F) -> Result<T, String>
where
    F: Future<Output = Result<T, EngineError>>,
{
    let mut tries = 0;
    loop {
        match attempt().await {
            Err(error) if error.is_retryable() && tries < 5 => tries += 1,
            result => return result.map_err(|error| format!("{error:?}")),
        }
    }
}

/// One write each, which a pipe takes whole.
fn say(line: impl Display) {
    let line = format!("{line}\n");
    // Without the one who reads there is nothing to test.
    if std::io::stdout().lock().write_all(line.as_bytes()).is_err() {
        std::process::exit(1);
    }
}
