//! What `#[pikku::service]` makes of constructors: when services are built, shared and closed.

use pikku::{
    App, BoxError, Call, Need, Problem, Selection, Service, StatusCode,
    dispatch::StartError,
    http::post,
    service::{Env, PerCall, Singleton},
    testing::TestApp,
};
use serde_json::{Value, json};
use std::{
    any::TypeId,
    convert::Infallible,
    sync::{
        LazyLock, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::Barrier;

#[derive(pikku::Group)]
struct Functions;

mod per_call {
    use super::*;

    static BUILT: AtomicUsize = AtomicUsize::new(0);

    struct Audit {
        number: usize,
        call: String,
    }

    #[pikku::service(per_call)]
    async fn audit(call: &Call) -> Audit {
        tokio::task::yield_now().await;
        Audit { number: BUILT.fetch_add(1, Ordering::SeqCst), call: call.id().to_owned() }
    }

    struct Report {
        of: usize,
    }

    #[pikku::service(per_call)]
    fn report(audit: &Audit) -> Report {
        Report { of: audit.number }
    }

    #[pikku::function(public)]
    async fn numbers(audit: &Audit, report: &Report) -> Result<(usize, usize, String), Infallible> {
        Ok((audit.number, report.of, audit.call.clone()))
    }

    #[tokio::test]
    async fn a_call_has_one_of_each_and_the_next_call_another() {
        let app = TestApp::start(App::new().group::<Functions>(|g| g.http::<numbers>(post("/numbers")))).await;
        assert_eq!(app.call::<Value>("numbers", &json!(null)).await.unwrap(), json!([0, 0, "test"]));
        assert_eq!(app.call::<Value>("numbers", &json!(null)).await.unwrap(), json!([1, 1, "test"]));
    }
}

mod singletons {
    use super::*;

    static BOTH: LazyLock<Barrier> = LazyLock::new(|| Barrier::new(2));
    static LOG: Mutex<Vec<&str>> = Mutex::new(Vec::new());

    struct Left;
    struct Right;
    struct Above;
    struct Elsewhere;

    #[pikku::service(close = close_left)]
    async fn left() -> Result<Left, BoxError> {
        BOTH.wait().await;
        Ok(Left)
    }

    #[pikku::service(close = close_right)]
    async fn right(_env: &Env) -> Right {
        BOTH.wait().await;
        Right
    }

    #[pikku::service(close = close_above)]
    fn above(_left: &Left, _right: &Right) -> Above {
        LOG.lock().unwrap().push("above is built");
        Above
    }

    #[pikku::service(close = close_elsewhere)]
    fn elsewhere() -> Elsewhere {
        LOG.lock().unwrap().push("elsewhere is built");
        Elsewhere
    }

    async fn close_left(_: &Left) {
        LOG.lock().unwrap().push("left is closed");
    }

    async fn close_right(_: &Right) {
        LOG.lock().unwrap().push("right is closed");
    }

    async fn close_above(_: &Above) {
        LOG.lock().unwrap().push("above is closed");
    }

    async fn close_elsewhere(_: &Elsewhere) {
        LOG.lock().unwrap().push("elsewhere is closed");
    }

    // The parameters are in another order than the graph: `Left` is found first.
    #[pikku::function(public)]
    async fn look(_left: &Left, _above: &Above) -> Result<(), Infallible> {
        Ok(())
    }

    #[pikku::function]
    async fn look_elsewhere(_elsewhere: &Elsewhere) -> Result<(), Infallible> {
        Ok(())
    }

    #[tokio::test]
    async fn they_are_built_together_once_and_closed_from_above() {
        let app = App::new().group::<Functions>(|g| g.http::<look>(post("/look")));
        // One after the other they would wait for ever.
        let app =
            tokio::time::timeout(Duration::from_secs(10), TestApp::start(app)).await.expect("built at the same time");
        app.call::<Value>("look", &json!(null)).await.unwrap();
        app.call::<Value>("look", &json!(null)).await.unwrap();
        assert_eq!(*LOG.lock().unwrap(), ["above is built"], "once, and only what a function reaches");

        app.close().await;
        let mut log = LOG.lock().unwrap().split_off(1);
        assert_eq!(log.remove(0), "above is closed");
        log.sort_unstable();
        assert_eq!(log, ["left is closed", "right is closed"]);
        assert_eq!(look_elsewhere(&Elsewhere).await, Ok(()));
    }
}

mod failures {
    use super::*;

    #[derive(Debug)]
    struct Db;

    #[pikku::service]
    fn db() -> Result<Db, std::io::Error> {
        Err(std::io::Error::other("no disk"))
    }

    #[pikku::function(public)]
    async fn read(_db: &Db) -> Result<(), Infallible> {
        Ok(())
    }

    struct Lease;

    #[pikku::service(per_call)]
    async fn lease() -> Result<Lease, BoxError> {
        Err("the password is wrong".into())
    }

    struct Quota;

    #[pikku::service(per_call)]
    fn quota() -> Result<Quota, Problem> {
        Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "quota_used_up", "come back tomorrow"))
    }

    struct Budget;

    #[pikku::service(per_call)]
    fn budget(_quota: &Quota) -> Budget {
        Budget
    }

    #[pikku::function(public)]
    async fn lend(_lease: &Lease) -> Result<(), Infallible> {
        Ok(())
    }

    #[pikku::function(public)]
    async fn spend(_budget: &Budget) -> Result<(), Infallible> {
        Ok(())
    }

    fn per_call_app<S: Selection>() -> App<S> {
        App::new().group::<Functions>(|g| g.http::<lend>(post("/lend")).http::<spend>(post("/spend")))
    }

    #[tokio::test]
    async fn a_singleton_that_fails_stops_the_start() {
        let app = App::new().group::<Functions>(|g| g.http::<read>(post("/read")));
        let failure = TestApp::prepare(app).try_start().await.unwrap_err();
        assert!(matches!(failure, StartError::Service { name: "Db", .. }));
        assert_eq!(failure.to_string(), "the service `Db` could not be built: no disk");
    }

    #[tokio::test]
    async fn why_a_per_call_service_fails_stays_in_the_log() {
        let app = TestApp::start(per_call_app()).await;
        let problem = app.call::<Value>("lend", &json!(null)).await.unwrap_err();
        assert_eq!(problem.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(!problem.detail().contains("password"));
        let logged = app.logged();
        let details: Vec<_> = logged.iter().filter_map(|line| line.detail.as_deref()).collect();
        assert_eq!(details, ["the service `Lease` could not be built: the password is wrong"]);
    }

    #[tokio::test]
    async fn a_per_call_service_refuses_a_call_with_a_problem() {
        let problem = TestApp::start(per_call_app()).await.call::<Value>("spend", &json!(null)).await.unwrap_err();
        assert_eq!((problem.status(), problem.code()), (StatusCode::TOO_MANY_REQUESTS, "quota_used_up"));
    }
}

mod swapped {
    use super::*;

    struct Disk;

    #[pikku::service]
    fn disk() -> Result<Disk, BoxError> {
        Err("tests have no disk".into())
    }

    struct Store(&'static str);

    #[pikku::service]
    fn store(_disk: &Disk) -> Store {
        Store("on the disk")
    }

    struct Clerk(String);

    #[pikku::service(per_call)]
    fn clerk(store: &Store) -> Clerk {
        Clerk(format!("clerk {}", store.0))
    }

    #[pikku::function(public)]
    async fn ask(clerk: &Clerk) -> Result<String, Infallible> {
        Ok(clerk.0.clone())
    }

    fn app<S: Selection>() -> App<S> {
        App::new().group::<Functions>(|g| g.http::<ask>(post("/ask")))
    }

    #[tokio::test]
    async fn a_value_takes_the_place_of_a_singleton_and_of_what_only_it_needs() {
        let app = TestApp::prepare(app()).with(Store("in memory")).start().await;
        assert_eq!(app.call::<String>("ask", &()).await.unwrap(), "clerk in memory");
    }

    #[tokio::test]
    async fn a_value_takes_the_place_of_a_per_call_service() {
        let app = TestApp::prepare(app()).with(Store("")).with(Clerk("nobody".to_owned())).start().await;
        assert_eq!(app.call::<String>("ask", &()).await.unwrap(), "nobody");
    }
}

mod constants {
    use super::*;

    struct Config;
    struct Store<T>(T);
    struct View;

    #[pikku::service(needs = [Need::Variable("URL")])]
    fn config(_env: &Env) -> Config {
        Config
    }

    #[pikku::service(needs = [Need::ReadTable("orders"), Need::WriteTable("orders")], close = close_store)]
    fn store(_config: &Config) -> Result<Store<Vec<u8>>, BoxError> {
        Ok(Store(Vec::new()))
    }

    async fn close_store(store: &Store<Vec<u8>>) {
        assert!(store.0.is_empty());
    }

    #[pikku::service(per_call)]
    fn view(_store: &Store<Vec<u8>>, _config: &Config) -> View {
        View
    }

    fn lives<T: Service, L: 'static>() -> bool {
        TypeId::of::<T::Lifetime>() == TypeId::of::<L>()
    }

    #[test]
    fn a_service_says_what_it_is_and_what_it_needs() {
        assert_eq!(<Store<Vec<u8>>>::NAME, "Store<Vec<u8>>");
        assert_eq!(<Store<Vec<u8>>>::NEEDS, [Need::ReadTable("orders"), Need::WriteTable("orders")]);
        assert_eq!(<Store<Vec<u8>>>::DEPENDS_ON, ["Config"]);
        assert_eq!(Config::DEPENDS_ON, ["Env"]);
        assert_eq!(View::DEPENDS_ON, ["Store<Vec<u8>>", "Config"]);
        assert_eq!((Config::CLOSES, <Store<Vec<u8>>>::CLOSES, View::CLOSES), (false, true, false));
        assert!(lives::<Config, Singleton>() && lives::<View, PerCall>());
        assert_eq!(View::DEPTH_OF_THE_SERVICES_BELOW, Config::DEPTH_OF_THE_SERVICES_BELOW + 2);
    }
}
