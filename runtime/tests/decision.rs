//! Who may call what, decided twice: by the pipeline, and by a model of a few lines that is obviously right. Random calls
//! of an app in which everything stands around everything must end the same.
//!
//! `PIKKU_DECISIONS=10000000 cargo test --release -p pikku --features testing --test decision` makes the long run.

use pikku::{
    App, AuthError, Call, Claims, Engine, Group, Scopes, Session,
    access::{All, Any, Not},
    call::Context,
    http::{HttpRequest, Method, get},
    testing::TestApp,
    wiring::Queue,
};
use serde_json::{Value, json};
use std::{cell::RefCell, convert::Infallible, panic};

/// What the world is like during one call.
#[derive(Clone, Debug, Default)]
struct World {
    credentials: Credentials,
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
    Session {
        scopes: Vec<&'static str>,
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
}

thread_local! {
    static WORLD: RefCell<World> = RefCell::default();
}

fn world<T>(look: impl FnOnce(&World) -> T) -> T {
    WORLD.with_borrow(look)
}

// The app.

#[pikku::authenticator]
async fn credentials(_call: &Call) -> Result<Option<Claims>, AuthError> {
    world(|world| match &world.credentials {
        Credentials::None => Ok(None),
        Credentials::Rejected => Err(AuthError::rejected("")),
        Credentials::Malformed => Err(AuthError::malformed("")),
        Credentials::Unavailable => Err(AuthError::unavailable("")),
        Credentials::Session { scopes, read_only } => {
            let claims = Claims::new(json!({})).with_scopes(Scopes::new(scopes.iter().copied()));
            Ok(Some(if *read_only { claims.read_only() } else { claims }))
        }
    })
}

fn answer(permission: usize) -> Result<bool, std::io::Error> {
    match world(|world| world.permissions[permission]) {
        Answer::Allow => Ok(true),
        Answer::Deny => Ok(false),
        Answer::Fail => Err(std::io::Error::other("it fails")),
        Answer::Panic => panic!("it panics"),
    }
}

#[pikku::permission]
async fn p0() -> Result<bool, std::io::Error> {
    answer(0)
}

#[pikku::permission]
async fn p1() -> Result<bool, std::io::Error> {
    answer(1)
}

#[pikku::permission]
async fn p2(_user: Session<Value>) -> Result<bool, std::io::Error> {
    answer(2)
}

#[pikku::permission]
async fn p3(_user: Option<Session<Value>>) -> Result<bool, std::io::Error> {
    answer(3)
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
            .queue::<$function>(concat!($prefix, "-", stringify!($function)), Queue::default())
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

/// How a call arrives.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Http { gated: bool },
    Queue { gated: bool },
    Direct,
}

/// The status that a call ends in.
fn model(function: &Function, way: Way, world: &World) -> u16 {
    let gate = Leaf(1);
    let tag = AnyOf(vec![Leaf(2), Leaf(0)]);
    let route = Leaf(3);
    let mut rules: Vec<&Rule> = Vec::new();
    if matches!(way, Way::Http { gated: true } | Way::Queue { gated: true } | Way::Direct) {
        rules.push(&gate);
    }
    if function.tagged {
        rules.push(&tag);
    }
    if matches!(way, Way::Http { .. }) && function.name == "any_of" {
        rules.push(&route);
    }
    rules.extend(&function.rule);

    let mut session = None;
    if function.looks || rules.iter().any(|rule| looks(rule)) {
        match &world.credentials {
            Credentials::None => {}
            Credentials::Rejected => return 401,
            Credentials::Malformed => return 400,
            Credentials::Unavailable => return 503,
            Credentials::Session { scopes, read_only } => session = Some((scopes, *read_only)),
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
            Answer::Fail | Answer::Panic => None,
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

fn random_world(random: &mut fastrand::Rng) -> World {
    let answer = |random: &mut fastrand::Rng| match random.u8(0..16) {
        0..7 => Answer::Allow,
        7..13 => Answer::Deny,
        13..15 => Answer::Fail,
        _ => Answer::Panic,
    };
    World {
        credentials: match random.u8(0..16) {
            0..3 => Credentials::None,
            3 => Credentials::Rejected,
            4 => Credentials::Malformed,
            5 => Credentials::Unavailable,
            _ => Credentials::Session {
                scopes: (0..random.usize(0..4)).map(|_| GRANTS[random.usize(0..GRANTS.len())]).collect(),
                read_only: random.u8(0..4) == 0,
            },
        },
        permissions: [answer(random), answer(random), answer(random), answer(random)],
    }
}

async fn pipeline(engine: &Engine, function: &Function, way: Way) -> u16 {
    let place = |gated| if gated { "/gated" } else { "/plain" };
    match way {
        Way::Http { gated } => {
            let path = format!("{}/{}", place(gated), function.name);
            engine.http(HttpRequest::new(Method::GET, &path), Context::default()).await.status.as_u16()
        }
        Way::Queue { gated } => {
            let queue = format!("{}-{}", place(gated), function.name);
            let target = engine.target(&pikku::dispatch::Arrival::Queue(&queue)).unwrap();
            let message = pikku::call::QueueMessage { body: "{}".to_owned(), ..Default::default() };
            engine
                .deliver(target, message.into(), Context::default())
                .await
                .map_or_else(|problem| problem.status().as_u16(), |_| 204)
        }
        Way::Direct => {
            let outcome = engine.call(function.name, Value::Null, Context::default()).await.unwrap();
            outcome.map_or_else(|problem| problem.status().as_u16(), |_| 204)
        }
    }
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
    let mut seen = std::collections::BTreeMap::<u16, u64>::new();
    let mut app = TestApp::start(app()).await;
    for case in 0..cases {
        // The test's platform keeps its log: now and then it begins a new one.
        if case % 100_000 == 99_999 {
            app = TestApp::start(self::app()).await;
        }
        let world = random_world(&mut random);
        let function = &functions[random.usize(0..functions.len())];
        let gated = random.bool();
        let way = match random.u8(0..5) {
            0..3 => Way::Http { gated },
            3 => Way::Queue { gated },
            _ => Way::Direct,
        };
        let expected = model(function, way, &world);
        WORLD.set(world.clone());
        let status = pipeline(app.engine(), function, way).await;
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
    assert_eq!(seen.keys().copied().collect::<Vec<_>>(), [204, 400, 401, 403, 503]);
}
