//! The whole app in process, without a network: the dispatcher, validation and errors are those of a bundle.

use pikku::testing::{TestApp, block_on};
use serde_json::{Value, json};

#[test]
fn who_is_greeted_is_written_down() {
    block_on(async {
        let app = TestApp::start({{crate}}::app()).await;
        let answer = app.post("/greetings").json(&json!({"name": "Ada"})).send().await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.json::<Value>(), json!({"text": "Hello, Ada!"}));

        // The message waits in the queue until it is delivered.
        assert_eq!(app.enqueued::<Value>("greeted"), [json!({"name": "Ada"})]);
        assert_eq!(app.deliver_enqueued().await, 1);
        assert_eq!(app.get("/guests").send().await.json::<Value>(), json!(["Ada"]));

        app.cron("turn_the_page").await.expect("a new page");
        assert_eq!(app.get("/guests").send().await.json::<Value>(), json!([]));
    });
}

#[test]
fn mistakes_have_a_code() {
    block_on(async {
        let app = TestApp::start({{crate}}::app()).await;
        let status = async |body: Value| app.post("/greetings").json(&body).send().await.status();
        assert_eq!(status(json!({"name": ""})).await, 422);
        assert_eq!(status(json!({"name": "Ada", "language": "tlh"})).await, 404);
    });
}
