//! The conformance suite on SQLite, which lacks nothing.

use pikku_engines::{
    Answer, ManualClock, QueueEngine, SqliteEngine, SqliteSettings, Time,
    conformance::{QUEUES, SCHEDULES, Subject, Verdict},
};
use std::{future::Future, pin::Pin, sync::Arc, time::Duration};
use tempfile::TempDir;

#[derive(Debug)]
struct Sqlite {
    dir: TempDir,
    clock: ManualClock,
}

impl Subject for Sqlite {
    fn open(&self) -> Answer<'_, Arc<dyn QueueEngine>> {
        let settings = SqliteSettings { clock: Arc::new(self.clock.clone()), ..SqliteSettings::default() };
        let engine = SqliteEngine::open_with(self.dir.path().join("queues.db"), settings);
        Box::pin(async { engine.map(|engine| Arc::new(engine) as _) })
    }

    fn pass(&self, span: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.clock.advance(span);
        Box::pin(async {})
    }

    fn unit(&self) -> Duration {
        Duration::from_millis(1)
    }
}

#[tokio::test]
async fn it_does_what_every_engine_has_to_do() {
    let clock = ManualClock::at(Time::from_millis(1_790_000_000_000));
    let subject = Arc::new(Sqlite { dir: TempDir::new().expect("a folder"), clock });
    for case in QUEUES.iter().chain(SCHEDULES) {
        eprintln!("{}", case.name);
        assert_eq!(case.run(subject.clone()).await, Verdict::Holds, "{}", case.name);
    }
}
