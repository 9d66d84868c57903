//! Programs that send and handle are killed, and so is the server: nothing that was taken is lost, and nothing is
//! acknowledged before it is handled.
//!
//! The program is this test itself, started again; what it has written into its pipe is the truth. The long run of this
//! kind, on SQLite, is `tests/crash`.

use crate::server::{Nats, Postgres};
use pikku_engines::{Backoff, Body, Delivery, QueueEngine, QueueSpec, Settlement, SystemClock};
use std::{
    collections::BTreeSet,
    env,
    fmt::Display,
    io::{BufRead as _, BufReader, PipeReader, Write as _},
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

/// The variable that makes a program of this test.
const ADDRESS: &str = "PIKKU_BROKERS_CRASH";

/// How often a program is killed.
const KILLS: u32 = 6;

fn spec() -> QueueSpec {
    QueueSpec {
        visibility: Duration::from_secs(2),
        backoff: Backoff::constant(Duration::from_millis(10)),
        // A crash is no failure of a message: none dies of crashes here.
        max_receives: 1_000_000,
        ..QueueSpec::new("crash")
    }
}

async fn open(address: &str) -> Arc<dyn QueueEngine> {
    let begun = Instant::now();
    loop {
        match pikku_engines::open(address, Arc::new(SystemClock)).await {
            Ok(engine) => return engine,
            Err(error) if error.is_retryable() && begun.elapsed() < Duration::from_secs(60) => {}
            Err(error) => panic!("the engine opens: {error:?}"),
        }
    }
}

/// The program that is killed: nothing in an ordinary run.
#[tokio::test]
async fn the_program() {
    let Ok(address) = env::var(ADDRESS) else { return };
    let engine = open(&address).await;
    while engine.declare(&[spec()]).await.is_err() {}
    let send = async {
        loop {
            let number = fastrand::u64(..);
            let message = pikku_engines::NewMessage::new("crash", number.to_string());
            // What was not answered may be there or not.
            if engine.enqueue(&[message]).await.is_ok() {
                say(format_args!("sent {number}"));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let handle = async {
        loop {
            let received = engine.receive("crash", 4, Duration::from_secs(1)).await;
            for delivery in received.unwrap_or_default() {
                say(format_args!("handled {}", number(&delivery)));
                // What is not settled comes again.
                let _ = engine.settle("crash", &[Settlement::done(&delivery.receipt)]).await;
            }
        }
    };
    tokio::join!(send, handle);
}

/// One write each, which a pipe takes whole. The test harness writes lines of its own.
fn say(line: impl Display) {
    let line = format!("\n> {line}\n");
    if std::io::stdout().lock().write_all(line.as_bytes()).is_err() {
        std::process::exit(1);
    }
}

fn number(delivery: &Delivery) -> u64 {
    let Body::Text(text) = &delivery.body else { panic!("a text was sent") };
    text.parse().expect("a number was sent")
}

fn start(address: &str) -> (Child, PipeReader) {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let mut command = Command::new(env::current_exe().expect("this program"));
    command.args(["crash::the_program", "--exact", "--nocapture", "--test-threads=1"]).env(ADDRESS, address);
    command.stdin(Stdio::null()).stdout(writer).stderr(Stdio::null());
    (command.spawn().expect("the program starts"), reader)
}

/// What programs said.
#[derive(Debug, Default)]
struct Truth {
    sent: BTreeSet<u64>,
    handled: BTreeSet<u64>,
}

impl Truth {
    /// Reads all that a program has said before it was killed. A last line that is cut off was not said.
    fn take(&mut self, reader: PipeReader) {
        for line in BufReader::new(reader).lines().map_while(Result::ok) {
            let mut words = line.split(' ').skip_while(|word| *word != ">").skip(1);
            if let (Some(what), Some(number)) = (words.next(), words.next().and_then(|number| number.parse().ok())) {
                let list = if what == "sent" { &mut self.sent } else { &mut self.handled };
                list.insert(number);
            }
        }
    }
}

async fn crash(address: &str, mut interrupt: impl FnMut()) {
    let mut truth = Truth::default();
    for kill in 0..KILLS {
        let (mut program, reader) = start(address);
        // Once it works, and in the middle of it: the pipe holds what it says until then.
        let life = Duration::from_millis(fastrand::u64(700..1500));
        if kill % 3 == 2 {
            thread::sleep(life / 2);
            interrupt();
            thread::sleep(life);
        } else {
            thread::sleep(life);
        }
        assert!(program.try_wait().expect("its state").is_none(), "the program ended by itself");
        program.kill().expect("it is killed");
        program.wait().expect("it ends");
        truth.take(reader);
    }
    // What is left is handled by one that is not killed.
    let engine = open(address).await;
    engine.declare(&[spec()]).await.expect("the queue is declared");
    let begun = Instant::now();
    let mut quiet = 0;
    while quiet < 2 && begun.elapsed() < Duration::from_secs(60) {
        let received = engine.receive("crash", 100, Duration::from_secs(3)).await.expect("messages are delivered");
        quiet = if received.is_empty() { quiet + 1 } else { 0 };
        for delivery in &received {
            truth.handled.insert(number(delivery));
            engine.settle("crash", &[Settlement::done(&delivery.receipt)]).await.expect("it is settled");
        }
    }
    let lost: Vec<&u64> = truth.sent.difference(&truth.handled).collect();
    assert!(!truth.sent.is_empty(), "the programs have sent something");
    assert!(lost.is_empty(), "{} of {} are lost", lost.len(), truth.sent.len());
    eprintln!("{KILLS} kills: {} acknowledged, 0 lost", truth.sent.len());
}

#[tokio::test]
async fn programs_on_postgres_and_postgres_itself_are_killed() {
    let Some(mut server) = Postgres::start() else { return };
    let address = server.url();
    crash(&address, || {
        server.crash();
        server.go_on();
    })
    .await;
}

#[tokio::test]
async fn programs_on_nats_and_nats_itself_are_killed() {
    let Some(mut server) = Nats::start() else { return };
    let address = server.url();
    crash(&address, || {
        server.crash();
        server.go_on();
    })
    .await;
}
