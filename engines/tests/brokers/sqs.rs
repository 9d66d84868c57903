//! SQS, as moto does it: signatures are checked. Time passes by itself there, so the cases run beside each other.

use crate::server::Moto;
use pikku_engines::{
    Answer, Backoff, ErrorKind, Guarantee, NewMessage, QueueEngine, QueueSpec, Settled, Settlement, SqsEngine,
    SqsSettings, Which,
    conformance::{QUEUES, SCHEDULES, Subject, Verdict},
};
use std::{collections::BTreeSet, future::Future, pin::Pin, sync::Arc, time::Duration};
use tokio::task::JoinSet;

pub(crate) fn settings(server: &Moto) -> SqsSettings {
    let [id, secret, token] = &server.credentials;
    let settings = SqsSettings::from_env(&|name| {
        Some(match name {
            "AWS_REGION" => "eu-west-1".to_owned(),
            "AWS_ENDPOINT_URL_SQS" => server.url(),
            "AWS_ACCESS_KEY_ID" => id.clone(),
            "AWS_SECRET_ACCESS_KEY" => secret.clone(),
            "AWS_SESSION_TOKEN" => token.clone(),
            _ => return None,
        })
    });
    // Both cores may be busy with other tests.
    SqsSettings {
        prefix: Some("test".to_owned()),
        patience: Duration::from_secs(30),
        ..settings.expect("all is there that SQS needs")
    }
}

#[derive(Debug)]
struct OnSqs(SqsSettings);

impl Subject for OnSqs {
    fn open(&self) -> Answer<'_, Arc<dyn QueueEngine>> {
        Box::pin(async { Ok(Arc::new(SqsEngine::new(self.0.clone())?) as _) })
    }

    fn pass(&self, span: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(tokio::time::sleep(span + Duration::from_millis(250)))
    }

    fn unit(&self) -> Duration {
        Duration::from_secs(1)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_does_what_every_engine_has_to_do_or_says_what_it_lacks() {
    let Some(server) = Moto::start() else { return };
    let subject = Arc::new(OnSqs(settings(&server)));
    let mut running = JoinSet::new();
    for case in QUEUES.iter().chain(SCHEDULES) {
        let subject = subject.clone();
        running.spawn(async move { (case.name, case.run(subject).await) });
    }
    let mut lacks = BTreeSet::new();
    while let Some(ended) = running.join_next().await {
        let (name, verdict) = ended.expect("the case holds");
        if let Verdict::Lacks(guarantee) = verdict {
            eprintln!("{name}: lacks {}", guarantee.code());
            lacks.insert(guarantee);
        }
    }
    let known = [
        Guarantee::DeadLetters,
        Guarantee::Deduplication,
        Guarantee::Delay,
        Guarantee::MaxInFlight,
        Guarantee::Priority,
        Guarantee::Release,
        Guarantee::Schedules,
        Guarantee::Stats,
    ];
    assert_eq!(lacks, BTreeSet::from(known));
}

/// What it does where it says that it lacks something.
#[tokio::test]
async fn what_it_lacks_it_lacks_as_it_says() {
    let Some(server) = Moto::start() else { return };
    let engine = SqsEngine::new(settings(&server)).expect("the engine opens");
    dead_letters_come_and_go(&engine).await;
    fifo_queues_take_an_id_once(&engine).await;
    delays_are_kept_up_to_a_quarter_of_an_hour(&engine).await;
    what_is_deployed_is_used_as_it_is(&server).await;
    who_may_not_is_told(&server).await;
}

async fn dead_letters_come_and_go(engine: &SqsEngine) {
    let spec = QueueSpec {
        max_receives: 2,
        backoff: Backoff::constant(Duration::ZERO),
        visibility: Duration::from_secs(2),
        ..QueueSpec::new("orders.placed")
    };
    engine.declare(std::slice::from_ref(&spec)).await.expect("a queue is declared");
    engine.health().await.expect("it is healthy");
    let message = |body: &str| NewMessage::new(&spec.name, body).attribute("traceparent", "00-ab");
    engine.enqueue(&[message("fails"), message("sleeps")]).await.expect("messages are taken");
    // One fails twice, the other is never settled.
    let mut fails = Vec::new();
    let begun = std::time::Instant::now();
    while fails.len() < 2 && begun.elapsed() < Duration::from_secs(60) {
        for delivery in engine.receive(&spec.name, 10, Duration::from_secs(3)).await.expect("it is asked") {
            if delivery.body == "fails".into() {
                let settled = engine.settle(&spec.name, &[Settlement::retry(&delivery.receipt, "no luck")]).await;
                fails.push(settled.expect("it is settled")[0]);
            }
        }
    }
    assert_eq!(fails, [Settled::Retrying(Duration::ZERO), Settled::Dead]);
    let mut letters = Vec::new();
    while letters.len() < 2 && begun.elapsed() < Duration::from_secs(60) {
        engine.receive(&spec.name, 10, Duration::from_secs(3)).await.expect("it is asked");
        letters = engine.dead_letters(&spec.name, None, 10).await.expect("dead letters are listed");
    }
    let reason = |body: &str| {
        let letter = letters.iter().find(|letter| letter.body == body.into()).expect("it is among the dead letters");
        assert_eq!((letter.receives, letter.attributes["traceparent"].as_str()), (2, "00-ab"));
        letter.reason.clone()
    };
    assert_eq!(reason("fails"), "no luck");
    assert_eq!(reason("sleeps"), "it was delivered as often as the queue allows");
    // One goes back, the other away.
    let fails = letters.iter().find(|letter| letter.body == "fails".into()).expect("it is there");
    assert_eq!(engine.redrive(&spec.name, Which::One(fails.id.clone())).await.expect("it is redriven"), 1);
    let back = engine.receive(&spec.name, 10, Duration::from_secs(3)).await.expect("it is delivered");
    assert_eq!((back.len(), &back[0].body, back[0].receives), (1, &fails.body, 1));
    assert_eq!(engine.purge(&spec.name, Which::All).await.expect("it is purged"), 1);
    assert!(engine.dead_letters(&spec.name, None, 10).await.expect("they are listed").is_empty());
}

async fn fifo_queues_take_an_id_once(engine: &SqsEngine) {
    let spec = QueueSpec { fifo: true, ..QueueSpec::new("line") };
    let lacks = engine.declare(std::slice::from_ref(&spec)).await.expect("a queue is declared");
    assert!(lacks.iter().all(|shortfall| shortfall.guarantee != Guarantee::Deduplication), "{lacks:?}");
    let message = NewMessage::new(&spec.name, "x").deduplication_id("1");
    for _ in 0..2 {
        engine.enqueue(std::slice::from_ref(&message)).await.expect("it is taken, or there already");
    }
    let mut delivered = engine.receive(&spec.name, 10, Duration::from_secs(3)).await.expect("it is delivered");
    assert_eq!(delivered.len(), 1);
    let only = delivered.remove(0);
    assert_eq!(only.group, None);
    engine.settle(&spec.name, &[Settlement::done(&only.receipt)]).await.expect("it is settled");
    assert!(engine.receive(&spec.name, 10, Duration::from_secs(1)).await.expect("it is asked").is_empty());
    let late = NewMessage::new(&spec.name, "x").delay(Duration::from_secs(1));
    assert_eq!(engine.enqueue(&[late]).await.expect_err("FIFO queues delay none").kind(), ErrorKind::Limit);
}

async fn delays_are_kept_up_to_a_quarter_of_an_hour(engine: &SqsEngine) {
    let spec = QueueSpec::new("later");
    engine.declare(std::slice::from_ref(&spec)).await.expect("a queue is declared");
    let late = |seconds| NewMessage::new(&spec.name, "x").delay(Duration::from_secs(seconds));
    assert_eq!(engine.enqueue(&[late(901)]).await.expect_err("it is too long").kind(), ErrorKind::Limit);
    engine.enqueue(&[late(3)]).await.expect("it is taken");
    assert!(engine.receive(&spec.name, 10, Duration::ZERO).await.expect("it is asked").is_empty());
    let received = engine.receive(&spec.name, 10, Duration::from_secs(20)).await.expect("it is delivered");
    assert_eq!(received.len(), 1);
}

async fn what_is_deployed_is_used_as_it_is(server: &Moto) {
    let mut own = settings(server);
    own.prefix = None;
    // The queue that was made under the prefix, as if a template had made it.
    own.resources.insert("mail".to_owned(), format!("{}/123456789012/test-later", server.url()));
    let engine = SqsEngine::new(own).expect("the engine opens");
    engine.declare(&[QueueSpec::new("mail")]).await.expect("a queue is there");
    engine.enqueue(&[NewMessage::new("mail", "x")]).await.expect("it is taken");
    assert_eq!(engine.receive("mail", 1, Duration::from_secs(3)).await.expect("it is delivered").len(), 1);
    let fifo = QueueSpec { fifo: true, ..QueueSpec::new("mail") };
    assert_eq!(engine.declare(&[fifo]).await.expect_err("it is not FIFO").kind(), ErrorKind::Spec);
    let unknown = engine.declare(&[QueueSpec::new("orders")]).await.expect_err("there is no URL");
    assert_eq!(unknown.kind(), ErrorKind::UnknownQueue);
    assert!(unknown.to_string().contains("PIKKU_RESOURCES"), "{unknown}");
}

async fn who_may_not_is_told(server: &Moto) {
    let wrong = SqsSettings::from_env(&|name| {
        Some(match name {
            "AWS_REGION" => "eu-west-1".to_owned(),
            "AWS_ENDPOINT_URL_SQS" => server.url(),
            "AWS_ACCESS_KEY_ID" => server.credentials[0].clone(),
            "AWS_SECRET_ACCESS_KEY" => "plantedsecret7Qx-that-nobody-may-read".to_owned(),
            "AWS_SESSION_TOKEN" => server.credentials[2].clone(),
            _ => return None,
        })
    });
    let wrong = SqsSettings { prefix: Some("test".to_owned()), ..wrong.expect("all is there") };
    let engine = SqsEngine::new(wrong).expect("the engine opens");
    let error = engine.declare(&[QueueSpec::new("q")]).await.expect_err("the signature is wrong");
    assert_eq!(error.kind(), ErrorKind::Store, "{error:?}");
    assert!(error.to_string().contains("403"), "{error:?}");
    assert!(!format!("{error:?}").contains("nobody-may-read"), "{error:?}");
}

#[tokio::test]
async fn where_nobody_answers_it_is_told() {
    let env = |name: &str| {
        Some(match name {
            "AWS_ENDPOINT_URL_SQS" => format!("http://127.0.0.1:{}", crate::server::free_port()),
            "AWS_REGION" | "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => "x".to_owned(),
            _ => return None,
        })
    };
    let settings = SqsSettings::from_env(&env).expect("all is there that SQS needs");
    let settings = SqsSettings { prefix: Some("x".to_owned()), patience: Duration::from_millis(300), ..settings };
    let error = SqsEngine::new(settings).expect("the engine opens").declare(&[QueueSpec::new("q")]).await;
    let error = error.expect_err("nobody is there");
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Unavailable, true), "{error:?}");
}
