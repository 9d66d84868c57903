//! An event for a bundle in the local workerd.

use super::{
    InvokeArgs, InvokeError,
    bundles::Bundles,
    millis, print, read,
    request::{answer, given, request},
    run_until_interrupted,
    worker_event::{self, Event},
    worker_examples,
};
use crate::cloudflare::to_trigger;
use pikku_local_workers::{Builder, LocalWorkers, Logs, Message, Storage};
use serde_json::{Value, json};
use std::{
    fs::File,
    path::Path,
    process::ExitCode,
    time::{Duration, Instant, SystemTime},
};

/// How long a Worker may take where it is not said.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Runs `invoke` for Cloudflare.
///
/// The secrets that the bundle wants are taken from this process's environment, where they are not given with `--env`.
pub(super) fn run(args: &InvokeArgs) -> Result<ExitCode, InvokeError> {
    if args.memory.is_some() {
        return Err(InvokeError::Option { option: "--memory", platform: "cloudflare" });
    }
    let bundles = Bundles::find(args.target, args.bundle_dir.as_deref())?;
    if args.event.list_examples {
        let list = examples(&bundles, &args.group)?;
        return super::list(list.iter().map(|(name, function, _)| (name.clone(), function.as_str())));
    }
    let event = match &args.event.example {
        Some(name) => {
            let text = format!("{:#}\n", example(&bundles, &args.group, name)?);
            if args.print {
                return print(text.as_bytes()).map(|()| ExitCode::SUCCESS);
            }
            worker_event::parse(text.as_bytes())?
        }
        None => event(args, &bundles)?,
    };
    let mut builder = bundles.worker(&args.group)?.with_bound()?.logs(Logs::Stderr);
    for name in builder.secrets()? {
        if let Ok(value) = std::env::var(&name) {
            builder = builder.variable(name, value);
        }
    }
    builder = args.variables.iter().fold(builder, |builder, (name, value)| builder.variable(name, value));
    let here = std::env::current_dir().map_err(|source| InvokeError::Event { path: ".".into(), source })?;
    let mut kept = None;
    if builder.has_storage()? {
        let folder = args.state.clone().unwrap_or_else(|| bundles.dir().join(".state"));
        kept = Some(lock(&folder)?);
        builder = builder.storage(Storage::Folder(folder));
    }
    let code = send(builder.app(here), event, args.timeout.unwrap_or(TIMEOUT), args.quiet);
    drop(kept);
    code
}

/// Waits until no other invocation uses a folder of databases.
fn lock(folder: &Path) -> Result<File, InvokeError> {
    let path = folder.join("lock");
    let open = || {
        std::fs::create_dir_all(folder)?;
        let file = File::create(&path)?;
        file.lock()?;
        Ok(file)
    };
    open().map_err(|source| InvokeError::State { path: path.clone(), source })
}

/// The event that the command line describes.
fn event(args: &InvokeArgs, bundles: &Bundles) -> Result<Event, InvokeError> {
    if let Some(path) = &args.event.event {
        return worker_event::parse(&read(path)?);
    }
    let data = args.data.iter().map(|data| given(data)).collect::<Result<Vec<Vec<u8>>, _>>()?;
    if let Some(queue) = &args.event.queue {
        // A queue of the app goes by the name that the bundle knows it by, any other by its own.
        let physical = bundles.worker(&args.group)?.sources()?.remove(&format!("queue:{queue}"));
        let queue = physical.unwrap_or_else(|| queue.clone());
        let message = |(index, data): (usize, &Vec<u8>)| {
            let body = worker_examples::body(&String::from_utf8_lossy(data));
            let body = serde_json::from_value(body).map_err(|error| InvokeError::Form { reason: error.to_string() })?;
            Ok(Message::new(format!("message-{}", index + 1), body))
        };
        let messages = data.iter().enumerate().map(message).collect::<Result<_, InvokeError>>()?;
        return Ok(Event::Queue(queue, messages));
    }
    if let Some(cron) = &args.event.cron {
        // The bundle knows a schedule by the text of its trigger, whatever the app has written.
        return Ok(Event::Scheduled(to_trigger(cron).unwrap_or_else(|_| cron.clone()), SystemTime::now()));
    }
    Ok(Event::Fetch(request(args, &data)?.at_the_edge()))
}

/// The app's name in those of its Workers: what is before the group's.
fn app(bundles: &Bundles, group: &str) -> Option<String> {
    let worker = bundles.worker(group).ok()?.first_name().ok()?;
    worker.strip_suffix(&format!("-{group}")).map(str::to_owned)
}

fn examples(bundles: &Bundles, group: &str) -> Result<Vec<(String, String, Value)>, InvokeError> {
    let manifest = bundles.manifest()?;
    let found = bundles.described(&manifest, group)?;
    Ok(worker_examples::examples(&manifest, found, &app(bundles, group).unwrap_or_default()))
}

fn example(bundles: &Bundles, group: &str, name: &str) -> Result<Value, InvokeError> {
    let mut all = examples(bundles, group)?;
    let known = all.iter().map(|(name, ..)| name.clone()).collect();
    let whole = all.iter().position(|(other, ..)| other == name);
    let first = || all.iter().position(|(other, ..)| other.split(':').next() == Some(name));
    match whole.or_else(first) {
        Some(index) => Ok(all.swap_remove(index).2),
        None => Err(InvokeError::UnknownExample { name: name.to_owned(), group: group.to_owned(), known }),
    }
}

/// Starts the bundle, hands it the event and prints what it comes to.
fn send(builder: Builder, event: Event, limit: Duration, quiet: bool) -> Result<ExitCode, InvokeError> {
    run_until_interrupted(async {
        let begun = Instant::now();
        let workers = builder.start().await?;
        let started = begun.elapsed();
        let sent = Instant::now();
        let answered = tokio::time::timeout(limit, hand_over(&workers, event, limit)).await;
        let taken = sent.elapsed();
        let (answer, good) = answered.map_err(|_| InvokeError::NoAnswer { limit })??;
        print(format!("{answer}").as_bytes())?;
        workers.shutdown().await;
        if !quiet {
            eprintln!("{}, start of workerd {}", millis(taken), millis(started));
        }
        Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}

/// The platform's answer to an event, and whether the handler ended well.
async fn hand_over(workers: &LocalWorkers, event: Event, limit: Duration) -> Result<(Value, bool), InvokeError> {
    let worker = workers.first();
    Ok(match event {
        Event::Fetch(request) => {
            let response = workers.fetch(worker, request.limit(limit)).await.map_err(InvokeError::Request)?;
            (answer(&response), true)
        }
        Event::Queue(queue, messages) => {
            let batch = workers.queue(worker, &queue, &messages).await.map_err(InvokeError::Call)?;
            let (retried, done): (Vec<&Message>, Vec<&Message>) =
                messages.iter().partition(|message| batch.is_retried(&message.id));
            let delay = |id: &str| {
                let own = batch.retried.iter().find(|retried| retried.id == id).and_then(|retried| retried.delay_s);
                own.or(batch.retry_all_delay_s)
            };
            let again = |message: &&Message| match delay(&message.id) {
                Some(seconds) => json!({"id": message.id, "delaySeconds": seconds}),
                None => json!({"id": message.id}),
            };
            let report = json!({
                "outcome": batch.outcome,
                "acknowledged": done.iter().map(|message| &message.id).collect::<Vec<_>>(),
                "retried": retried.iter().map(again).collect::<Vec<_>>(),
            });
            (report, batch.outcome == "ok")
        }
        Event::Scheduled(cron, time) => {
            let fired = workers.scheduled(worker, &cron, time).await.map_err(InvokeError::Call)?;
            (json!({"outcome": fired.outcome, "noRetry": fired.no_retry}), fired.outcome == "ok")
        }
    })
}
