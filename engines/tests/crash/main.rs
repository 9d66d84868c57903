//! Kills programs that work on one SQLite file, with SIGKILL, at random points, two of them at a time, and compares what
//! they wrote into a pipe before and after each step with what became of their messages.
//!
//! The pipe is the truth: what a program has written into it stays there when the program is killed, and both write into the
//! same one, so it has one order. 60 crashes in the ordinary tests; `PIKKU_CRASHES=10000` for more.

mod truth;
mod worker;

use libtest_mimic::{Arguments, Failed, Trial};
use std::{
    env, fs,
    io::{self, BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, ExitCode, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};
use truth::Truth;

/// The longest that it takes until the next crash. A program lives through two such times.
const MOST_PAUSE: Duration = Duration::from_millis(120);

fn main() -> ExitCode {
    if let Some(place) = env::var_os("PIKKU_CRASH_STORE") {
        return worker::main(Path::new(&place));
    }
    let trial = Trial::test("nothing_is_lost_and_nothing_acknowledged_early", crash);
    libtest_mimic::run(&Arguments::from_args(), vec![trial]).exit_code()
}

fn crash() -> Result<(), Failed> {
    let crashes: u32 = match env::var("PIKKU_CRASHES") {
        Ok(text) => text.parse().map_err(|_| format!("PIKKU_CRASHES is `{text}`, and no number"))?,
        Err(_) => 60,
    };
    let begun = Instant::now();
    let dir = tempfile::tempdir().map_err(text)?;
    let store = dir.path().join("queues.db");
    let (reader, writer) = io::pipe().map_err(text)?;
    let (told, lines) = mpsc::channel();
    let reading = thread::spawn(move || {
        for line in BufReader::new(reader).lines().map_while(Result::ok) {
            if told.send(line).is_err() {
                return;
            }
        }
    });
    worker::open_app(&store.with_file_name("app.db")).map_err(text)?;
    let mut truth = Truth::default();
    let mut number = 0;
    let mut start = |mode: &str| -> Result<Child, Failed> {
        number += 1;
        let program = env::current_exe().map_err(text)?;
        let mut command = Command::new(program);
        command.env("PIKKU_CRASH_STORE", &store).env("PIKKU_CRASH_NUMBER", number.to_string());
        command.env("PIKKU_CRASH_MODE", mode).stdin(Stdio::null());
        command.stdout(writer.try_clone().map_err(text)?).spawn().map_err(text)
    };
    let mut alive = [start("work")?, start("work")?];
    let mut told_at = Instant::now();
    for crash in 0..crashes {
        // Short lives are as likely as long ones: the moments of opening and of recovery count too.
        let pause = MOST_PAUSE.mul_f64(fastrand::f64().powi(2));
        thread::sleep(pause);
        let one = &mut alive[(crash % 2) as usize];
        kill(one)?;
        *one = start("work")?;
        for line in lines.try_iter() {
            truth.take(&line)?;
        }
        if told_at.elapsed() > Duration::from_secs(30) {
            told_at = Instant::now();
            eprintln!("{crash} crashes, {truth}");
        }
    }
    for one in &mut alive {
        kill(one)?;
    }
    // What is left is handled by one that is not killed.
    let ended = start("drain")?.wait().map_err(text)?;
    if !ended.success() {
        return Err(format!("the last program ended with {ended}").into());
    }
    drop(writer);
    reading.join().map_err(|_| "the thread that reads has failed")?;
    for line in lines.try_iter() {
        truth.take(&line)?;
    }
    integrity(&store)?;
    let app = worker::open_app(&store.with_file_name("app.db")).map_err(text)?;
    let mut orders = app.prepare("SELECT number FROM orders").map_err(text)?;
    let orders = orders.query_map((), |row| row.get(0)).and_then(Iterator::collect).map_err(text)?;
    truth.judge(&orders)?;
    eprintln!("{crashes} crashes in {:.1} s: {truth}", begun.elapsed().as_secs_f64());
    Ok(())
}

/// Kills a program that has to be alive: one that ended by itself has failed.
fn kill(child: &mut Child) -> Result<(), Failed> {
    if let Some(ended) = child.try_wait().map_err(text)? {
        return Err(format!("a program ended by itself: {ended}").into());
    }
    child.kill().map_err(text)?;
    child.wait().map(drop).map_err(text)
}

/// Whether SQLite itself finds the file whole.
fn integrity(store: &Path) -> Result<(), Failed> {
    fs::metadata(store).map_err(text)?;
    let connection = rusqlite::Connection::open(store).map_err(text)?;
    let found: String = connection.query_row("PRAGMA integrity_check", (), |row| row.get(0)).map_err(text)?;
    if found == "ok" { Ok(()) } else { Err(format!("the file is damaged: {found}").into()) }
}

fn text(error: impl ToString) -> Failed {
    error.to_string().into()
}
