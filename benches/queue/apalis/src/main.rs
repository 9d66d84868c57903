//! `queue-apalis FILE JOBS SENDERS BATCH SYNCHRONOUS`: enqueues jobs and handles them; prints how many seconds each of the
//! two took. SYNCHRONOUS is SQLite's: `full`, `normal` or `off`, which is what apalis sets by itself.
//!
//! With one sender they are enqueued a hundred at a time, with more one at a time by each.

use apalis::prelude::*;
use apalis_sqlite::{Config, SqliteConnectOptions, SqlitePool, SqliteStorage};
use serde::{Deserialize, Serialize};
use std::{
    env,
    error::Error,
    str::FromStr as _,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Job {
    number: u64,
    text: String,
}

fn job(number: u64) -> Job {
    Job { number, text: "something to do".to_owned() }
}

/// What was handled, and what the numbers come to.
#[derive(Debug, Default)]
struct Handled {
    jobs: u64,
    count: AtomicU64,
    sum: AtomicU64,
}

async fn handle(job: Job, handled: Data<Arc<Handled>>, worker: WorkerContext) -> Result<(), BoxDynError> {
    handled.sum.fetch_add(job.number, Ordering::Relaxed);
    if handled.count.fetch_add(1, Ordering::Relaxed) + 1 == handled.jobs {
        worker.stop()?;
    }
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().collect();
    let [_, file, jobs, senders, batch, synchronous] = arguments.as_slice() else {
        return Err("FILE JOBS SENDERS BATCH SYNCHRONOUS".into());
    };
    let (jobs, senders, batch): (u64, u64, usize) = (jobs.parse()?, senders.parse()?, batch.parse()?);
    let options = SqliteConnectOptions::from_str(&format!("sqlite:{file}"))?
        .create_if_missing(true)
        .pragma("journal_mode", "WAL")
        .pragma("synchronous", synchronous.clone())
        .pragma("temp_store", "MEMORY");
    let pool = SqlitePool::connect_with(options).await?;
    SqliteStorage::migrations().run(&pool).await?;
    let config = Config::default().queue("jobs").batch_size(batch);
    let mut storage = SqliteStorage::<Job>::new(&pool).with_config(config);

    let begun = Instant::now();
    if senders == 1 {
        for first in (0..jobs).step_by(100) {
            storage.push_bulk((first..jobs.min(first + 100)).map(job).collect()).await?;
        }
    } else {
        let local = tokio::task::LocalSet::new();
        let tasks: Vec<_> = (0..senders)
            .map(|sender| {
                let mut storage = storage.clone();
                local.spawn_local(async move {
                    for number in (sender..jobs).step_by(senders as usize) {
                        storage.push(job(number)).await.expect("it is taken");
                    }
                })
            })
            .collect();
        local.await;
        for task in tasks {
            task.await?;
        }
    }
    let sent = begun.elapsed();

    let begun = Instant::now();
    let handled = Arc::new(Handled { jobs, ..Handled::default() });
    let worker = WorkerBuilder::new("worker").backend(storage).data(handled.clone()).build(handle);
    worker.run().await?;
    assert_eq!(handled.sum.load(Ordering::Relaxed), jobs * (jobs - 1) / 2, "each came once");
    println!("{} {}", sent.as_secs_f64(), begun.elapsed().as_secs_f64());
    Ok(())
}
