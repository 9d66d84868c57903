//! The queues from the command line, for who runs a packaged server: what is in them, dead letters, runs by hand.

use super::{Feeds, Store};
use crate::{ServeError, run::program, settings::Settings};
use lexopt::{Arg, Parser};
use pikku::{App, Selection, call::CALLER, platform::OutgoingMessage};
use pikku_engines::{DeadLetter, EngineError, ErrorKind, QueueStats, Which};
use serde_json::{Map, Value, json};
use std::{ffi::OsString, fmt::Write as _, io::Write as _, path::Path, process::ExitCode};

/// The most dead letters that are read at once.
const PAGE: usize = 100;

/// What is asked of the program.
#[derive(Debug, PartialEq, Eq)]
enum Command {
    Help,
    /// What is in the queues.
    Queues,
    Dead {
        queue: String,
    },
    Redrive {
        queue: String,
        which: Which,
    },
    Purge {
        queue: String,
        which: Which,
    },
    Send {
        queue: String,
        messages: Vec<String>,
    },
    #[cfg(feature = "schedules")]
    Schedules,
    #[cfg(feature = "schedules")]
    Run {
        schedule: String,
    },
}

/// Does what the arguments of a server's program ask for; nothing where there are none, and it is to serve.
pub(crate) fn administer<S: Selection>(app: &App<S>, arguments: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    let mut arguments = arguments.peekable();
    arguments.peek()?;
    let (command, json) = match read(Parser::from_args(arguments)) {
        Ok(read) => read,
        Err(reason) => {
            eprintln!("error: {reason}\n\nhint: `{} --help`", program());
            return Some(ExitCode::from(2));
        }
    };
    if command == Command::Help {
        print!("{}", help());
        return Some(ExitCode::SUCCESS);
    }
    let executor = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(executor) => executor,
        Err(error) => return Some(failed(&ServeError::process("start a thread")(error))),
    };
    Some(match executor.block_on(obey(&Feeds::of(app), command, json)) {
        // Whoever reads may have read enough.
        Ok(text) => std::io::stdout().write_all(text.as_bytes()).map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS),
        Err(error) => failed(&error),
    })
}

fn failed(error: &ServeError) -> ExitCode {
    eprintln!("error: {error:?}");
    ExitCode::from(error.exit_code())
}

fn help() -> String {
    let name = program();
    format!(
        "Serves the app, or looks after its queues.

Usage: {name}                                serve; `cargo pikku explain PK8003` lists the variables
       {name} queues                         what is in the queues
       {name} queues dead QUEUE              the dead letters of a queue, with the problem of each
       {name} queues redrive QUEUE [ID]      put its dead letters, or one, back into the queue
       {name} queues purge QUEUE [ID|--all]  delete its dead letters, or one, for good
       {name} queues send QUEUE JSON...      send messages
{}
Options: --json         data instead of text
         --config FILE  values for variables that are not set, as PIKKU_CONFIG names them
         --help

PIKKU_QUEUES names the store, as for the server: sqlite:pikku.db unless it is set. All of it can be done while servers run.
Exit codes: 0 done, 2 a wrong argument or setting, 3 a store that has to be mended, 8 a store that is not there now.
",
        if cfg!(feature = "schedules") {
            format!(
                "       {name} schedules                      the schedules\n       {name} schedules run SCHEDULE         run a schedule now\n"
            )
        } else {
            String::new()
        }
    )
}

fn read(mut parser: Parser) -> Result<(Command, bool), String> {
    let (mut words, mut json, mut all) = (Vec::new(), false, false);
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        match argument {
            Arg::Long("help") | Arg::Short('h') => return Ok((Command::Help, false)),
            Arg::Long("json") => json = true,
            Arg::Long("all") => all = true,
            Arg::Value(word) => {
                words.push(word.into_string().map_err(|word| format!("{} is no text", word.display()))?)
            }
            other => return Err(other.unexpected().to_string()),
        }
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let owned = |word: &str| word.to_owned();
    let which = |id: Option<&&str>| id.map_or(Which::All, |id| Which::One((*id).to_owned()));
    let command = match words[..] {
        ["queues"] => Command::Queues,
        ["queues", "dead", queue] => Command::Dead { queue: owned(queue) },
        ["queues", "redrive", queue, ref id @ ..] if id.len() <= 1 => {
            Command::Redrive { queue: owned(queue), which: which(id.first()) }
        }
        ["queues", "purge", queue, ref id @ ..] if id.len() <= 1 => {
            if id.is_empty() && !all {
                return Err("say which dead letters are deleted for good: an id, or --all".to_owned());
            }
            Command::Purge { queue: owned(queue), which: which(id.first()) }
        }
        ["queues", "send", queue, ref messages @ ..] if !messages.is_empty() => {
            Command::Send { queue: owned(queue), messages: messages.iter().map(|message| owned(message)).collect() }
        }
        #[cfg(feature = "schedules")]
        ["schedules"] => Command::Schedules,
        #[cfg(feature = "schedules")]
        ["schedules", "run", schedule] => Command::Run { schedule: owned(schedule) },
        _ => return Err(format!("`{}` is no command", words.join(" "))),
    };
    Ok((command, json))
}

/// Does it; the text to print.
async fn obey(feeds: &Feeds, command: Command, json: bool) -> Result<String, ServeError> {
    let mut settings = Settings::default();
    settings.read(|name| std::env::var(name).ok())?;
    let address = settings.queues.store;
    if !matches!(command, Command::Send { .. }) {
        is_there(&address)?;
    }
    let store = Store::at(&address);
    let engine = store.engine().await?;
    let text = |value: Value, text: String| if json { format!("{value}\n") } else { text };
    Ok(match command {
        Command::Help => help(),
        Command::Queues => {
            let mut all = Vec::new();
            for queue in feeds.queue_names() {
                let stats = match engine.stats(&queue).await {
                    Err(error) if error.kind() == ErrorKind::UnknownQueue => QueueStats::default(),
                    stats => stats.map_err(ServeError::Queues)?,
                };
                all.push((queue, stats));
            }
            let value = all.iter().map(|(queue, stats)| stats_json(queue, stats)).collect();
            text(value, table(&all))
        }
        Command::Dead { queue } => {
            let letters = dead_letters(engine, &queue).await.map_err(ServeError::Queues)?;
            text(letters.iter().map(letter_json).collect(), letters.iter().map(letter_text).collect())
        }
        Command::Redrive { queue, which } => {
            let moved = engine.redrive(&queue, which).await.map_err(ServeError::Queues)?;
            text(json!({ "redriven": moved }), format!("put back into {queue}: {moved}\n"))
        }
        Command::Purge { queue, which } => {
            let deleted = engine.purge(&queue, which).await.map_err(ServeError::Queues)?;
            text(json!({ "deleted": deleted }), format!("deleted of {queue}: {deleted}\n"))
        }
        Command::Send { queue, messages } => {
            let messages: Vec<_> = messages.iter().map(|body| OutgoingMessage::new(&queue, body)).collect();
            let ids = store.take(&messages).await?;
            text(json!({ "ids": ids }), format!("sent to {queue}: {}\n", ids.join(", ")))
        }
        #[cfg(feature = "schedules")]
        Command::Schedules => {
            let (mut value, mut lines) = (Vec::new(), String::new());
            for (name, cron) in &feeds.schedules {
                value.push(json!({"schedule": name, "expression": cron.expression, "time_zone": cron.time_zone}));
                let _ = writeln!(lines, "{name}  {}  {}", cron.expression, cron.time_zone);
            }
            text(value.into(), lines)
        }
        #[cfg(feature = "schedules")]
        Command::Run { schedule } => {
            let run = super::scheduler::run_now(engine, feeds, &schedule).await?;
            text(json!({"schedule": schedule, "time_ms": run}), format!("a run of {schedule} is in its queue\n"))
        }
    })
}

/// A store that is a file is not made by looking at it.
fn is_there(address: &str) -> Result<(), ServeError> {
    match address.strip_prefix("sqlite:") {
        Some(path) if !Path::new(path).exists() => {
            Err(ServeError::setting("PIKKU_QUEUES", address, "there is no such file"))
        }
        _ => Ok(()),
    }
}

async fn dead_letters(engine: &super::store::Opened, queue: &str) -> Result<Vec<DeadLetter>, EngineError> {
    let mut all: Vec<DeadLetter> = Vec::new();
    loop {
        let after = all.last().map(|letter| letter.id.clone());
        let page = engine.dead_letters(queue, after.as_deref(), PAGE).await?;
        let is_last = page.len() < PAGE;
        all.extend(page);
        if is_last {
            return Ok(all);
        }
    }
}

fn stats_json(queue: &str, stats: &QueueStats) -> Value {
    json!({"queue": queue, "ready": stats.ready, "waiting": stats.waiting, "in_flight": stats.in_flight, "dead": stats.dead})
}

fn table(queues: &[(String, QueueStats)]) -> String {
    let width = queues.iter().map(|(queue, _)| queue.len()).max().unwrap_or_default().max("queue".len());
    let mut text = format!("{:width$}  {:>8} {:>8} {:>9} {:>8}\n", "queue", "ready", "waiting", "in flight", "dead");
    for (queue, stats) in queues {
        let QueueStats { ready, waiting, in_flight, dead } = stats;
        let _ = writeln!(text, "{queue:width$}  {ready:>8} {waiting:>8} {in_flight:>9} {dead:>8}");
    }
    text
}

/// The problem that a message failed with; a text where it is of another program.
fn problem(letter: &DeadLetter) -> Value {
    serde_json::from_str(&letter.reason).unwrap_or_else(|_| Value::String(letter.reason.clone()))
}

fn letter_json(letter: &DeadLetter) -> Value {
    // Who caused the message goes for it for days, and is nobody else's.
    let attribute = |(name, value): (&String, &String)| {
        let value = if name == CALLER { "signed" } else { value.as_str() };
        (name.clone(), Value::from(value))
    };
    json!({
        "id": letter.id,
        "body": String::from_utf8_lossy(letter.body.as_bytes()),
        "attributes": letter.attributes.iter().map(attribute).collect::<Map<_, _>>(),
        "group": letter.group,
        "receives": letter.receives,
        "sent_at_ms": letter.sent_at.millis(),
        "died_at_ms": letter.died_at.millis(),
        "problem": problem(letter),
    })
}

fn letter_text(letter: &DeadLetter) -> String {
    let problem = problem(letter);
    let why = match (problem["code"].as_str(), problem["detail"].as_str()) {
        (Some(code), Some(detail)) => format!("{code}: {detail}"),
        _ => letter.reason.clone(),
    };
    let body = String::from_utf8_lossy(letter.body.as_bytes());
    let times = if letter.receives == 1 { "once".to_owned() } else { format!("{} times", letter.receives) };
    format!("{}  delivered {times}  {why}\n    {body}\n", letter.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(words: &str) -> Result<(Command, bool), String> {
        read(Parser::from_args(words.split_whitespace()))
    }

    #[test]
    fn commands_are_read() {
        let queue = || "jobs".to_owned();
        for (words, command) in [
            ("queues", Command::Queues),
            ("queues dead jobs", Command::Dead { queue: queue() }),
            ("queues redrive jobs", Command::Redrive { queue: queue(), which: Which::All }),
            ("queues redrive jobs 7", Command::Redrive { queue: queue(), which: Which::One("7".to_owned()) }),
            ("queues purge jobs --all", Command::Purge { queue: queue(), which: Which::All }),
            ("queues send jobs 1 2", Command::Send { queue: queue(), messages: vec!["1".to_owned(), "2".to_owned()] }),
            ("queues --help", Command::Help),
        ] {
            assert_eq!(of(words), Ok((command, false)), "{words}");
        }
        assert_eq!(of("queues --json"), Ok((Command::Queues, true)));
        for (words, said) in [
            ("queue", "`queue` is no command"),
            ("queues dead", "`queues dead` is no command"),
            ("queues purge jobs", "say which dead letters are deleted for good: an id, or --all"),
            ("queues --loud", "invalid option '--loud'"),
        ] {
            assert_eq!(of(words), Err(said.to_owned()));
        }
    }

    #[test]
    fn queues_are_a_table() {
        let stats = QueueStats { ready: 12, waiting: 0, in_flight: 3, dead: 1 };
        assert_eq!(
            table(&[("orders-placed".to_owned(), stats), ("jobs".to_owned(), QueueStats::default())]),
            "queue             ready  waiting in flight     dead\n\
             orders-placed        12        0         3        1\n\
             jobs                  0        0         0        0\n"
        );
    }
}
