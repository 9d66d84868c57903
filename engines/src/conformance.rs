//! What every engine has to do, as cases that run against one: `cargo test` runs them on SQLite.
//!
//! An engine comes as a [`Subject`], which opens it, on the same store as often as asked, and lets time pass. A case asks
//! for a guarantee when it declares its queue. Where the engine says that it lacks it, the case ends there with that; else
//! the guarantee has to hold. So an engine that lacks something in silence fails.

mod queues;
#[cfg(feature = "schedules")]
mod scheduling;
mod settling;
mod stores;

use crate::{Answer, Delivery, Guarantee, NewMessage, QueueEngine, QueueSpec, ScheduleStore};
use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

/// A store, and engines on it.
pub trait Subject: fmt::Debug + Send + Sync {
    /// A further engine on the store, as another process would have it.
    fn open(&self) -> Answer<'_, Arc<dyn QueueEngine>>;

    /// Lets so much time pass for the engines.
    fn pass(&self, span: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;

    /// The smallest span that the store tells from none, such as a second for SQS.
    fn unit(&self) -> Duration;
}

/// What came of a case that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It holds.
    Holds,
    /// The engine says that it lacks it.
    Lacks(Guarantee),
}

/// A case. It panics where the engine breaks a promise.
#[derive(Clone, Copy)]
pub struct Case {
    /// What is promised, in words.
    pub name: &'static str,
    run: for<'a> fn(&'a Bench) -> Pin<Box<dyn Future<Output = Verdict> + Send + 'a>>,
}

impl fmt::Debug for Case {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Case").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Case {
    /// Runs it against a subject. The queues' names are unlike those of any other run in this process.
    ///
    /// # Panics
    /// Where the engine breaks a promise.
    pub async fn run(&self, subject: Arc<dyn Subject>) -> Verdict {
        let engine = subject.open().await.expect("the engine opens");
        (self.run)(&Bench { subject, engine }).await
    }
}

macro_rules! cases {
    ($($module:ident::$case:ident),* $(,)?) => {
        &[$(Case { name: stringify!($case), run: |bench| Box::pin($module::$case(bench)) }),*]
    };
}

/// The cases of queues.
pub const QUEUES: &[Case] = cases![
    queues::a_message_arrives_as_it_was_sent,
    queues::messages_come_in_the_order_they_were_sent,
    queues::a_delayed_message_is_kept_back,
    queues::a_higher_priority_comes_first,
    queues::an_unknown_queue_is_refused,
    queues::what_is_too_large_is_refused,
    queues::a_waiting_delivery_gets_what_is_sent_meanwhile,
    queues::a_delivery_of_nothing_ends_in_time,
    queues::at_most_so_many_are_in_flight,
    queues::a_group_is_in_order_one_at_a_time,
    queues::a_group_keeps_its_order_through_retries,
    queues::a_dead_message_lets_its_group_go_on,
    queues::groups_do_not_wait_for_each_other,
    queues::a_deduplication_id_is_taken_once_within_the_window,
    settling::what_is_done_is_gone,
    settling::an_unsettled_message_comes_again_after_its_visibility_timeout,
    settling::an_extended_message_stays_hidden,
    settling::a_stale_receipt_changes_nothing,
    settling::a_failed_message_waits_and_comes_again,
    settling::the_backoff_doubles,
    settling::a_message_that_fails_too_often_is_dead,
    settling::a_message_that_is_never_settled_is_dead,
    settling::dead_letters_are_listed_redriven_and_purged,
    settling::a_released_message_is_ready_and_not_counted,
    settling::a_released_message_is_kept_back_for_the_time_asked,
    settling::a_released_message_is_kept_back_whether_or_not_it_is_counted,
    settling::two_engines_share_a_store,
    settling::what_is_in_a_queue_is_counted,
    stores::a_lease_has_one_holder,
    stores::a_mark_is_moved_once,
    stores::a_late_holder_fires_nothing,
];

/// The cases of schedules.
#[cfg(feature = "schedules")]
pub const SCHEDULES: &[Case] = cases![
    scheduling::a_run_comes_once_over_all_instances,
    scheduling::what_was_missed_is_made_up_for_as_the_policy_says,
    scheduling::a_clock_that_goes_back_repeats_nothing,
    scheduling::runs_overlap_as_the_policy_says,
    scheduling::a_run_that_is_not_settled_comes_again,
    scheduling::a_run_by_hand_comes_at_once,
];

/// What a case works with.
#[derive(Debug)]
pub struct Bench {
    subject: Arc<dyn Subject>,
    engine: Arc<dyn QueueEngine>,
}

/// Queues made so far, for names of their own.
static NUMBER: AtomicU32 = AtomicU32::new(0);

impl Bench {
    /// A name that nobody else uses.
    fn name(&self) -> String {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        format!("conformance-{}-{number}", std::process::id())
    }

    /// A queue that nobody else uses.
    fn spec(&self) -> QueueSpec {
        QueueSpec::new(self.name())
    }

    /// Declares a queue; the guarantee that is asked for where the engine lacks it.
    async fn declare(&self, spec: &QueueSpec, asked: Option<Guarantee>) -> Result<(), Verdict> {
        let lacks = self.engine.declare(std::slice::from_ref(spec)).await.expect("a queue is declared");
        for shortfall in &lacks {
            assert!(!shortfall.instead.is_empty(), "a shortfall says what happens instead");
        }
        match lacks.iter().find(|shortfall| Some(shortfall.guarantee) == asked) {
            Some(shortfall) => Err(Verdict::Lacks(shortfall.guarantee)),
            None => Ok(()),
        }
    }

    /// Where schedules are kept. An engine that has none has to say so.
    async fn schedules(&self) -> Result<&dyn ScheduleStore, Verdict> {
        match self.engine.schedules() {
            Some(store) => Ok(store),
            None => match self.declare(&self.spec(), Some(Guarantee::Schedules)).await {
                Err(lacks) => Err(lacks),
                Ok(()) => panic!("the engine keeps no schedules and does not say so"),
            },
        }
    }

    async fn send(&self, message: NewMessage) -> String {
        let taken = self.engine.enqueue(&[message]).await.expect("a message is taken");
        let [taken] = taken.as_slice() else { panic!("one message, {} answers", taken.len()) };
        taken.id.clone()
    }

    /// What is ready now.
    async fn receive(&self, queue: &str, max: usize) -> Vec<Delivery> {
        let wait = self.unit().min(Duration::from_millis(200));
        let wait = if wait < Duration::from_millis(50) { Duration::ZERO } else { wait };
        let deliveries = self.engine.receive(queue, max, wait).await.expect("messages are delivered");
        assert!(deliveries.len() <= max, "at most as many as asked");
        deliveries
    }

    /// The one message that is ready.
    async fn receive_one(&self, queue: &str) -> Delivery {
        let mut deliveries = self.receive(queue, 10).await;
        assert_eq!(deliveries.len(), 1, "one message is ready: {deliveries:?}");
        deliveries.remove(0)
    }

    async fn receive_none(&self, queue: &str) {
        let deliveries = self.receive(queue, 10).await;
        assert!(deliveries.is_empty(), "no message is ready: {deliveries:?}");
    }

    async fn pass(&self, span: Duration) {
        self.subject.pass(span).await;
    }

    fn unit(&self) -> Duration {
        self.subject.unit()
    }
}

fn text(delivery: &Delivery) -> &str {
    match &delivery.body {
        crate::Body::Text(text) => text,
        crate::Body::Bytes(_) => panic!("a text was sent"),
    }
}
