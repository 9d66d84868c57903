//! Who may call what, decided twice: by the pipeline, and by a model of a few lines that is obviously right. Random calls
//! of an app in which everything stands around everything must end the same, over whatever they arrive.
//!
//! `PIKKU_DECISIONS=10000000 cargo test -p pikku --test decision -- --nocapture` makes the long run. What it said:
//!
//! ```text
//! 10000000 cases of seed 6, no disagreement: {204: 2382416, 400: 600873, 401: 1475231, 403: 4938479, 500: 301731, 503: 301270}
//! ```

use pikku::{
    App, AuthError, BoxError, BoxFuture, Call, Claims, Engine, Group, Platform, Role, Scopes, Session,
    access::{All, Any, Not, Scope},
    call::{
        BusEvent, Context, ObjectEvent, QueueMessage, ScheduledRun, SocketEvent, StreamRecord, TableChange,
        TopicMessage, Trigger,
    },
    dispatch::Arrival,
    http::{HttpRequest, Method, get},
    platform::{LogLine, OutgoingMessage},
    wiring::{Bucket, Cron, EventPattern, Queue, Stream, Table, Topic, WebSocket},
};
use serde_json::{Value, json};
use std::{cell::RefCell, collections::BTreeMap, convert::Infallible, panic, sync::Arc, time::Duration};

/// What the world is like during one call.
#[derive(Clone, Debug, Default)]
struct World {
    /// What the app's source of sessions finds, and that of the group which has one of its own.
    credentials: Credentials,
    badge: Credentials,
    /// What each of the permissions `p0` to `p3` does when it is asked.
    permissions: [Answer; 4],
}

#[derive(Clone, Debug, Default)]
enum Credentials {
    #[default]
    None,
    Rejected,
    Malformed,
    Unavailable,
    Panic,
    Session {
        scopes: Vec<&'static str>,
        roles: Vec<&'static str>,
        read_only: bool,
    },
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Answer {
    #[default]
    Allow,
    Deny,
    Fail,
    Panic,
    /// It says nothing within its time.
    Late,
}

thread_local! {
    static WORLD: RefCell<World> = RefCell::default();
}

fn world<T>(look: impl FnOnce(&World) -> T) -> T {
    WORLD.with_borrow(look)
}

// The app.

const ROLES: &[Role] = &[
    Role::new("clerk", &[Scope::new("a:b"), Scope::new("d")]),
    Role::new("chief", &[Scope::new("a")]),
    Role::new("guest", &[]),
];

fn found(credentials: &Credentials) -> Result<Option<Claims>, AuthError> {
    match credentials {
        Credentials::None => Ok(None),
        Credentials::Rejected => Err(AuthError::rejected("")),
        Credentials::Malformed => Err(AuthError::malformed("")),
        Credentials::Unavailable => Err(AuthError::unavailable("")),
        Credentials::Panic => panic!("it panics"),
        Credentials::Session { scopes, roles, read_only } => {
            let scopes = Scopes::new(scopes.iter().copied()).and(Scopes::of_roles(ROLES, roles.iter().copied()));
            let claims = Claims::new(json!({})).with_scopes(scopes);
            Ok(Some(if *read_only { claims.read_only() } else { claims }))
        }
    }
}

#[pikku::authenticator]
async fn credentials(_call: &Call) -> Result<Option<Claims>, AuthError> {
    world(|world| found(&world.credentials))
}

#[pikku::authenticator]
async fn badge(_call: &Call) -> Result<Option<Claims>, AuthError> {
    world(|world| found(&world.badge))
}

async fn answer(permission: usize) -> Result<bool, std::io::Error> {
    match world(|world| world.permissions[permission]) {
        Answer::Allow => Ok(true),
        Answer::Deny => Ok(false),
        Answer::Fail => Err(std::io::Error::other("it fails")),
        Answer::Panic => panic!("it panics"),
        Answer::Late => std::future::pending().await,
    }
}

#[pikku::permission]
async fn p0() -> Result<bool, std::io::Error> {
    answer(0).await
}

#[pikku::permission]
async fn p1() -> Result<bool, std::io::Error> {
    answer(1).await
}

#[pikku::permission]
async fn p2(_user: Session<Value>) -> Result<bool, std::io::Error> {
    answer(2).await
}

#[pikku::permission]
async fn p3(_user: Option<Session<Value>>) -> Result<bool, std::io::Error> {
    answer(3).await
}

#[pikku::function(public)]
async fn open() -> Result<(), Infallible> {
    Ok(())
}

#[pikku::function(public, read_only, tags = ["t"])]
async fn maybe(_user: Option<Session<Value>>) -> Result<(), Infallible> {
    Ok(())
}

#[pikku::function]
async fn mine(_user: Session<Value>) -> Result<(), Infallible> {
    Ok(())
}

#[pikku::function(session, read_only)]
async fn known() -> Result<(), Infallible> {
    Ok(())
}

#[pikku::function(scopes = ["a:b"], read_only)]
async fn one_scope() -> Result<(), Infallible> {
    Ok(())
}

#[pikku::function(scopes = ["a:b:c", "d"], permission = p0)]
async fn two_scopes() -> Result<(), Infallible> {
    Ok(())
}

#[pikku::function(permission = All::<(p0, p1)>)]
async fn all_of() -> Result<(), Infallible> {
    Ok(())
}

#[pikku::function(permission = Any::<(p0, p1, p2)>, read_only)]
async fn any_of() -> Result<(), Infallible> {
    Ok(())
}

#[pikku::function(permission = Not::<p0>, tags = ["t"])]
async fn not() -> Result<(), Infallible> {
    Ok(())
}

#[pikku::function(permission = Not::<Any::<(p2, All::<(p0, p3)>)>>, read_only)]
async fn nested() -> Result<(), Infallible> {
    Ok(())
}

#[pikku::function(permission = Any::<(Not::<p2>, p3)>)]
async fn any_not(_user: Session<Value>) -> Result<(), Infallible> {
    Ok(())
}

#[pikku::function(permission = All::<(Not::<p3>, Any::<(p1, p2)>)>, tags = ["t"])]
async fn mixed(_user: Option<Session<Value>>) -> Result<(), Infallible> {
    Ok(())
}

#[derive(Group)]
struct Plain;

#[derive(Group)]
struct Gated;

macro_rules! wired {
    ($g:ident, $prefix:literal: $($function:ident)*) => {
        $g$(
            .http::<$function>(get(concat!($prefix, "/", stringify!($function))))
            .queue::<$function>(concat!($prefix, "/", stringify!($function)), Queue::default())
            .cron::<$function>(Cron::new("* * * * *").named(concat!($prefix, "/", stringify!($function))))
            .event::<$function>(Topic::new(concat!($prefix, "/", stringify!($function))))
            .event::<$function>(Bucket::new(concat!($prefix, "/", stringify!($function))))
            .event::<$function>(Table::new(concat!($prefix, "/", stringify!($function))))
            .event::<$function>(Stream::new(concat!($prefix, "/", stringify!($function))))
            .event::<$function>(EventPattern::source(concat!($prefix, "/", stringify!($function))))
            .websocket::<$function>(WebSocket::new(concat!($prefix, "/", stringify!($function))))
        )*
    };
}

fn app() -> App<pikku::All> {
    App::new()
        .authenticate::<credentials>()
        .group::<Plain>(
            |g| wired!(g, "/plain": open maybe mine known one_scope two_scopes all_of any_of not nested any_not mixed),
        )
        .group::<Gated>(|g| {
            wired!(g, "/gated": open maybe mine known one_scope two_scopes all_of any_of not nested any_not mixed)
                .rpc::<open>()
                .rpc::<maybe>()
                .rpc::<mine>()
                .rpc::<known>()
                .rpc::<one_scope>()
                .rpc::<two_scopes>()
                .rpc::<all_of>()
                .rpc::<any_of>()
                .rpc::<not>()
                .rpc::<nested>()
                .rpc::<any_not>()
                .rpc::<mixed>()
                .authenticate::<badge>()
                .permission::<p1>()
        })
        .tag("t", |l| l.permission::<Any<(p2, p0)>>())
        .routes("/{section}/any_of", |l| l.permission::<p3>())
}

// The model.

/// A rule of permissions: what is asked, and whether it looks at the session.
enum Rule {
    Leaf(usize),
    All(Vec<Rule>),
    Any(Vec<Rule>),
    Not(Box<Rule>),
}

use Rule::{All as AllOf, Any as AnyOf, Leaf, Not as NotOf};

struct Function {
    name: &'static str,
    /// Whether it looks at the session, and whether it demands one.
    looks: bool,
    demands: bool,
    scopes: &'static [&'static str],
    read_only: bool,
    tagged: bool,
    rule: Option<Rule>,
}

fn functions() -> Vec<Function> {
    let plain = |name| Function {
        name,
        looks: false,
        demands: false,
        scopes: &[],
        read_only: false,
        tagged: false,
        rule: None,
    };
    vec![
        plain("open"),
        Function { looks: true, read_only: true, tagged: true, ..plain("maybe") },
        Function { looks: true, demands: true, ..plain("mine") },
        Function { looks: true, demands: true, read_only: true, ..plain("known") },
        Function { looks: true, demands: true, read_only: true, scopes: &["a:b"], ..plain("one_scope") },
        Function { looks: true, demands: true, scopes: &["a:b:c", "d"], rule: Some(Leaf(0)), ..plain("two_scopes") },
        Function { rule: Some(AllOf(vec![Leaf(0), Leaf(1)])), ..plain("all_of") },
        Function { read_only: true, rule: Some(AnyOf(vec![Leaf(0), Leaf(1), Leaf(2)])), ..plain("any_of") },
        Function { tagged: true, rule: Some(NotOf(Box::new(Leaf(0)))), ..plain("not") },
        Function {
            read_only: true,
            rule: Some(NotOf(Box::new(AnyOf(vec![Leaf(2), AllOf(vec![Leaf(0), Leaf(3)])])))),
            ..plain("nested")
        },
        Function {
            looks: true,
            demands: true,
            rule: Some(AnyOf(vec![NotOf(Box::new(Leaf(2))), Leaf(3)])),
            ..plain("any_not")
        },
        Function {
            looks: true,
            tagged: true,
            rule: Some(AllOf(vec![NotOf(Box::new(Leaf(3))), AnyOf(vec![Leaf(1), Leaf(2)])])),
            ..plain("mixed")
        },
    ]
}

/// How a call arrives: at a function of the plain group or of the gated one.
#[derive(Clone, Copy, Debug)]
enum Way {
    Http {
        gated: bool,
    },
    Event {
        over: Transport,
        gated: bool,
    },
    /// A remote procedure call, which functions of the gated group alone are wired for.
    Rpc,
    Direct,
}

#[derive(Clone, Copy, Debug)]
enum Transport {
    Queue,
    Schedule,
    Topic,
    Object,
    Table,
    Stream,
    Bus,
    Socket,
}

/// The status that a call ends in.
fn model(function: &Function, way: Way, world: &World) -> u16 {
    let gate = Leaf(1);
    let tag = AnyOf(vec![Leaf(2), Leaf(0)]);
    let route = Leaf(3);
    // A function that is called by its name is of both groups.
    let is_gated = matches!(way, Way::Http { gated: true } | Way::Event { gated: true, .. } | Way::Rpc | Way::Direct);
    let mut rules: Vec<&Rule> = Vec::new();
    if is_gated {
        rules.push(&gate);
    }
    if function.tagged {
        rules.push(&tag);
    }
    if matches!(way, Way::Http { .. } | Way::Rpc) && function.name == "any_of" {
        rules.push(&route);
    }
    rules.extend(&function.rule);

    let mut session = None;
    if function.looks || rules.iter().any(|rule| looks(rule)) {
        let mut found = &world.credentials;
        if is_gated && matches!(found, Credentials::None) {
            found = &world.badge;
        }
        match found {
            Credentials::None => {}
            Credentials::Rejected => return 401,
            Credentials::Malformed => return 400,
            Credentials::Unavailable => return 503,
            Credentials::Panic => return 500,
            Credentials::Session { scopes, roles, read_only } => session = Some((granted(scopes, roles), *read_only)),
        }
    }
    match session {
        None if function.demands => return 401,
        Some((_, true)) if !function.read_only => return 403,
        Some((scopes, _)) if !function.scopes.iter().all(|needed| scopes.iter().any(|one| covers(one, needed))) => {
            return 403;
        }
        _ => {}
    }
    for rule in rules {
        if ask(rule, world, session.is_some()) != Some(true) {
            return if session.is_none() && looks(rule) { 401 } else { 403 };
        }
    }
    204
}

/// What a session was granted, by itself and by its roles.
fn granted(scopes: &[&'static str], roles: &[&'static str]) -> Vec<&'static str> {
    let mut granted = scopes.to_vec();
    for role in roles {
        match *role {
            "clerk" => granted.extend(["a:b", "d"]),
            "chief" => granted.push("a"),
            _ => {}
        }
    }
    granted
}

/// Whether a granted scope is the needed one or above it.
fn covers(granted: &str, needed: &str) -> bool {
    let granted: Vec<&str> = granted.split(':').collect();
    let needed: Vec<&str> = needed.split(':').collect();
    granted.iter().all(|segment| !segment.is_empty()) && needed.starts_with(&granted)
}

/// What a rule says; nothing where it could not be decided.
fn ask(rule: &Rule, world: &World, session: bool) -> Option<bool> {
    match rule {
        Leaf(2) if !session => None,
        Leaf(permission) => match world.permissions[*permission] {
            Answer::Allow => Some(true),
            Answer::Deny => Some(false),
            Answer::Fail | Answer::Panic | Answer::Late => None,
        },
        AllOf(rules) => {
            rules.iter().map(|rule| ask(rule, world, session)).find(|said| *said != Some(true)).unwrap_or(Some(true))
        }
        AnyOf(rules) => {
            let said: Vec<Option<bool>> = rules.iter().map(|rule| ask(rule, world, session)).collect();
            if said.contains(&Some(true)) {
                Some(true)
            } else if said.contains(&None) {
                None
            } else {
                Some(false)
            }
        }
        NotOf(rule) => ask(rule, world, session).map(|said| !said),
    }
}

fn looks(rule: &Rule) -> bool {
    match rule {
        Leaf(permission) => *permission >= 2,
        AllOf(rules) | AnyOf(rules) => rules.iter().any(looks),
        NotOf(rule) => looks(rule),
    }
}

// The comparison.

const GRANTS: [&str; 12] = ["a", "a:b", "a:b:c", "a:c", "d", "d:e", "b", "a:", "*", "a:*", "A", "ab"];

const NAMES_OF_ROLES: [&str; 5] = ["clerk", "chief", "guest", "CHIEF", "nobody"];

fn random_world(random: &mut fastrand::Rng) -> World {
    let answer = |random: &mut fastrand::Rng| match random.u8(0..32) {
        0..14 => Answer::Allow,
        14..26 => Answer::Deny,
        26..29 => Answer::Fail,
        29..31 => Answer::Panic,
        _ => Answer::Late,
    };
    World {
        credentials: random_credentials(random),
        badge: random_credentials(random),
        permissions: [answer(random), answer(random), answer(random), answer(random)],
    }
}

fn random_credentials(random: &mut fastrand::Rng) -> Credentials {
    let some_of = |random: &mut fastrand::Rng, names: &[&'static str], most: usize| -> Vec<&'static str> {
        (0..random.usize(0..=most)).map(|_| names[random.usize(0..names.len())]).collect()
    };
    match random.u8(0..32) {
        0..8 => Credentials::None,
        8..10 => Credentials::Rejected,
        10..12 => Credentials::Malformed,
        12 => Credentials::Unavailable,
        13 => Credentials::Panic,
        _ => Credentials::Session {
            scopes: some_of(random, &GRANTS, 3),
            roles: some_of(random, &NAMES_OF_ROLES, 2),
            read_only: random.u8(0..4) == 0,
        },
    }
}

fn random_way(random: &mut fastrand::Rng) -> Way {
    let gated = random.bool();
    let over = match random.u8(0..16) {
        0..4 => return Way::Http { gated },
        4..6 => return Way::Rpc,
        6..8 => return Way::Direct,
        8 => Transport::Queue,
        9 => Transport::Schedule,
        10 => Transport::Topic,
        11 => Transport::Object,
        12 => Transport::Table,
        13 => Transport::Stream,
        14 => Transport::Bus,
        _ => Transport::Socket,
    };
    Way::Event { over, gated }
}

/// What the transport tells of an event of the source of this name, and the call of it.
fn event(over: Transport, name: &str) -> (Arrival<'_>, Trigger) {
    match over {
        Transport::Queue => (Arrival::Queue(name), QueueMessage::default().into()),
        Transport::Schedule => (Arrival::Schedule(name), ScheduledRun::default().into()),
        Transport::Topic => (Arrival::Topic(name), TopicMessage::default().into()),
        Transport::Object => {
            let arrival = Arrival::Object { bucket: name, event: "ObjectCreated:Put", key: "key" };
            (arrival, ObjectEvent::default().into())
        }
        Transport::Table => (Arrival::Table(name), TableChange::default().into()),
        Transport::Stream => (Arrival::Stream(name), StreamRecord::default().into()),
        Transport::Bus => (Arrival::Event { source: name, detail_type: "" }, BusEvent::default().into()),
        Transport::Socket => (Arrival::WebSocket(name), SocketEvent::default().into()),
    }
}

async fn pipeline(engine: &Engine, function: &Function, way: Way) -> u16 {
    let name = |gated| format!("{}/{}", if gated { "/gated" } else { "/plain" }, function.name);
    let outcome = match way {
        Way::Http { gated } => {
            let request = HttpRequest::new(Method::GET, &name(gated));
            return engine.http(request, Context::default()).await.status.as_u16();
        }
        Way::Rpc => {
            let request = HttpRequest::new(Method::POST, &format!("/rpc/{}", function.name));
            return engine.http(request, Context::default()).await.status.as_u16();
        }
        Way::Event { over, gated } => {
            let name = name(gated);
            let (arrival, trigger) = event(over, &name);
            engine.deliver(engine.target(&arrival).unwrap(), trigger, Context::default()).await
        }
        Way::Direct => engine.call(function.name, Value::Null, Context::default()).await.unwrap(),
    };
    outcome.map_or_else(|problem| problem.status().as_u16(), |_| 204)
}

/// A platform on which what is waited for is over at once.
#[derive(Debug)]
struct Hurried;

impl Platform for Hurried {
    fn now_ms(&self) -> u64 {
        0
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }

    fn env(&self, _: &str) -> Option<String> {
        None
    }

    fn send<'a>(&'a self, _: OutgoingMessage<'a>) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(std::future::ready(Err("there are no queues".into())))
    }

    fn log(&self, _: &LogLine<'_>) {}
}

#[tokio::test]
async fn the_pipeline_decides_as_the_model_does() {
    let cases: u64 =
        std::env::var("PIKKU_DECISIONS").map_or(200_000, |cases| cases.parse().expect("a number of cases"));
    let seed: u64 = std::env::var("PIKKU_SEED").map_or(6, |seed| seed.parse().expect("a number"));
    // Panics are meant here.
    panic::set_hook(Box::new(|_| {}));
    let functions = functions();
    let mut random = fastrand::Rng::with_seed(seed);
    let mut seen = BTreeMap::<u16, u64>::new();
    let engine = Engine::start(app(), Arc::new(Hurried)).await.unwrap();
    for case in 0..cases {
        let world = random_world(&mut random);
        let function = &functions[random.usize(0..functions.len())];
        let way = random_way(&mut random);
        let expected = model(function, way, &world);
        WORLD.set(world.clone());
        let status = pipeline(&engine, function, way).await;
        if status != expected {
            let _ = panic::take_hook();
            panic!(
                "case {case} of seed {seed}: {way:?} of `{}` in {world:?}: the pipeline says {status}, the model {expected}",
                function.name
            );
        }
        *seen.entry(status).or_default() += 1;
    }
    let _ = panic::take_hook();
    eprintln!("{cases} cases of seed {seed}, no disagreement: {seen:?}");
    // Every end was met, so that agreement says something.
    assert_eq!(seen.keys().copied().collect::<Vec<_>>(), [204, 400, 401, 403, 500, 503]);
}
