//! What `#[pikku::function]` makes of functions, by calling them.

use pikku::{
    App, Call, Function, Problem, Selection, Session, StatusCode,
    http::{get, post},
    testing::TestApp,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::convert::Infallible;

#[derive(Debug)]
struct Greetings {
    hello: &'static str,
}

#[pikku::service]
fn greetings() -> Greetings {
    Greetings { hello: "hello" }
}

#[derive(Clone, Debug, Deserialize)]
struct User {
    name: String,
}

#[derive(Deserialize, JsonSchema)]
struct Greet {
    mark: String,
}

#[derive(Debug, PartialEq, Serialize, JsonSchema)]
struct Greeting {
    text: String,
    call: String,
}

/// Greets the caller.
///
/// Loudly, if asked to.
#[pikku::function]
async fn greet(
    greetings: &Greetings,
    call: &Call,
    user: Session<User>,
    Greet { mark }: Greet,
) -> Result<Greeting, Infallible> {
    let text = format!("{} {}{mark}", greetings.hello, user.name);
    Ok(Greeting { text, call: call.id().to_owned() })
}
const LINE_OF_GREET: u32 = line!() - 9;

#[pikku::function(public)]
async fn who(user: Option<Session<User>>) -> Result<Option<String>, Infallible> {
    Ok(user.map(|user| user.0.name))
}

type AppResult<T> = Result<T, Problem>;

#[pikku::function(public)]
async fn refuse() -> AppResult<()> {
    Err(Problem::new(StatusCode::CONFLICT, "busy", "not now"))
}

/// Names that the expansion uses itself.
mod names {
    use super::*;

    pub(super) struct Scope;

    #[pikku::service]
    fn container() -> Scope {
        Scope
    }

    #[pikku::function(public)]
    pub(super) async fn scope(p0: &Scope, input: u32) -> Result<u32, Infallible> {
        let Scope = p0;
        Ok(input)
    }

    #[pikku::function(public)]
    pub(super) async fn input(scope: &Scope) -> Result<(), Infallible> {
        let Scope = scope;
        Ok(())
    }

    #[pikku::function(public)]
    pub(super) async fn r#match() -> Result<(), Infallible> {
        Ok(())
    }
}

/// Types that come through a macro, in invisible groups.
macro_rules! counting {
    ($name:ident, $service:ty, $reference:ty, $input:ty, $output:ty) => {
        /// Counts on.
        #[deprecated]
        #[pikku::function(public)]
        async fn $name(_greetings: &$service, _again: $reference, input: $input) -> $output {
            Ok(input + 1)
        }
    };
}

counting!(count, Greetings, &Greetings, u32, Result<u32, Infallible>);

#[derive(pikku::Group)]
struct Functions;

fn app<S: Selection>() -> App<S> {
    App::new().group::<Functions>(|g| {
        g.http::<greet>(post("/greet"))
            .http::<who>(get("/who"))
            .http::<refuse>(post("/refuse"))
            .http::<count>(post("/count"))
            .http::<names::scope>(post("/scope"))
            .http::<names::input>(post("/input"))
            .http::<names::r#match>(post("/match"))
    })
}

#[tokio::test]
async fn each_parameter_comes_from_its_place() {
    let app = TestApp::prepare(app()).session(&json!({ "name": "Ada" })).start().await;
    let greeting = app.call::<Value>("greet", &json!({ "mark": "!" })).await.unwrap();
    assert_eq!(greeting, json!({ "text": "hello Ada!", "call": "test" }));
    assert_eq!(app.call::<Value>("who", &json!(null)).await.unwrap(), json!("Ada"));
}

#[tokio::test]
async fn the_function_stays_a_function() {
    let greetings = Greetings { hello: "hi" };
    assert_eq!(who(Some(Session(User { name: "Bo".to_owned() }))).await, Ok(Some("Bo".to_owned())));
    assert_eq!(names::scope(&names::Scope, 3).await, Ok(3));
    assert_eq!(greetings.hello, "hi");
}

#[tokio::test]
async fn without_a_session_only_what_needs_none_is_called() {
    let app = TestApp::start(app()).await;
    let refusal = app.call::<Value>("greet", &json!({ "mark": "!" })).await.unwrap_err();
    assert_eq!(refusal.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(app.call::<Value>("who", &json!(null)).await.unwrap(), json!(null));
}

#[tokio::test]
async fn an_alias_of_result_is_a_result() {
    let refusal = TestApp::start(app()).await.call::<Value>("refuse", &json!(null)).await.unwrap_err();
    assert_eq!((refusal.status(), refusal.code()), (StatusCode::CONFLICT, "busy"));
}

#[tokio::test]
async fn types_may_come_through_a_macro() {
    assert_eq!(TestApp::start(app()).await.call::<u32>("count", &1).await.unwrap(), 2);
}

#[tokio::test]
async fn the_names_of_the_expansion_are_free_for_users() {
    let app = TestApp::start(app()).await;
    assert_eq!(app.call::<Value>("scope", &json!(3)).await.unwrap(), json!(3));
    assert_eq!(app.call::<Value>("input", &json!(null)).await.unwrap(), json!(null));
    assert_eq!(app.call::<Value>("match", &json!(null)).await.unwrap(), json!(null));
}

#[test]
fn a_function_carries_what_its_source_says() {
    assert_eq!(greet::NAME, "greet");
    assert_eq!(greet::META.description, "Greets the caller.\n\nLoudly, if asked to.");
    assert_eq!(greet::META.module, "functions");
    assert!(greet::META.file.ends_with("functions.rs"), "{}", greet::META.file);
    assert_eq!(greet::META.line, LINE_OF_GREET);
    assert_eq!(greet::META.services, ["Greetings"]);
    assert_eq!(<names::r#match as Function>::NAME, "match");
}
