//! `queue-pikku FILE JOBS SENDERS BATCH`: enqueues jobs and handles them; prints how many seconds each of the two took.
//!
//! With one sender they are enqueued a hundred at a time, with more one at a time by each.

use pikku_engines::{NewMessage, QueueEngine, QueueSpec, Settlement, SqliteEngine};
use serde::{Deserialize, Serialize};
use std::{
    env,
    error::Error,
    time::{Duration, Instant},
};

#[derive(Serialize, Deserialize)]
struct Job {
    number: u64,
    text: String,
}

fn job(number: u64) -> Result<NewMessage, serde_json::Error> {
    let job = Job { number, text: "something to do".to_owned() };
    Ok(NewMessage::new("jobs", serde_json::to_string(&job)?))
}

async fn handle(job: Job) -> u64 {
    job.number
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().collect();
    let [_, file, jobs, senders, batch] = arguments.as_slice() else { return Err("FILE JOBS SENDERS BATCH".into()) };
    let (jobs, senders, batch): (u64, u64, usize) = (jobs.parse()?, senders.parse()?, batch.parse()?);
    let engine = SqliteEngine::open(file)?;
    engine.declare(&[QueueSpec::new("jobs")]).await?;

    let begun = Instant::now();
    if senders == 1 {
        for first in (0..jobs).step_by(100) {
            let messages = (first..jobs.min(first + 100)).map(job).collect::<Result<Vec<_>, _>>()?;
            engine.enqueue(&messages).await?;
        }
    } else {
        let local = tokio::task::LocalSet::new();
        let tasks: Vec<_> = (0..senders)
            .map(|sender| {
                let engine = engine.clone();
                local.spawn_local(async move {
                    for number in (sender..jobs).step_by(senders as usize) {
                        engine.enqueue(&[job(number).expect("it is JSON")]).await.expect("it is taken");
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
    let (mut handled, mut sum) = (0, 0);
    while handled < jobs {
        let deliveries = engine.receive("jobs", batch, Duration::from_secs(5)).await?;
        assert!(!deliveries.is_empty(), "{handled} of {jobs} came");
        let mut settlements = Vec::with_capacity(deliveries.len());
        for delivery in &deliveries {
            sum += handle(serde_json::from_slice(delivery.body.as_bytes())?).await;
            settlements.push(Settlement::done(&delivery.receipt));
        }
        engine.settle("jobs", &settlements).await?;
        handled += deliveries.len() as u64;
    }
    assert_eq!(sum, jobs * (jobs - 1) / 2, "each came once");
    println!("{} {}", sent.as_secs_f64(), begun.elapsed().as_secs_f64());
    Ok(())
}
