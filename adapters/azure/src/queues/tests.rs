//! Sending to Azurite, which checks each signature and speaks the API of storage queues; and to a server that checks what
//! Service Bus checks, and otherwise answers, hangs or hangs up as the test tells it.

mod azurite;
mod server;

use super::{Address, Cloud, Queues, SendError, connection, has_attributes};
use azurite::Azurite;
use pikku::{platform::OutgoingMessage, testing::above_the_body};
use serde_json::json;
use server::{Reply, SENT, Server};
use std::{collections::BTreeMap, time::Duration};

/// The variables of a sender.
struct Variables(BTreeMap<&'static str, String>);

impl Variables {
    /// A queue at that address.
    fn queue(address: &str) -> Self {
        Self(BTreeMap::from([("PIKKU_RESOURCES", json!({"queue:orders": address}).to_string())]))
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.0.insert(name, value.into());
        self
    }

    async fn send(&self, queues: &Queues, message: &OutgoingMessage<'_>) -> Result<(), SendError> {
        let env = |name: &str| self.0.get(name).cloned();
        queues.deliver(&Address::of(message.queue, &env)?, message, &env).await
    }

    /// Sends with a token over plain HTTP, which no variable can ask for.
    async fn send_plain(
        &self,
        queues: &Queues,
        server: &Server,
        message: &OutgoingMessage<'_>,
    ) -> Result<(), SendError> {
        let address = Address {
            key: None,
            ..Address::of(message.queue, &|name: &str| server.service_bus().0.get(name).cloned())?
        };
        queues.deliver(&address, message, &|name: &str| self.0.get(name).cloned()).await
    }
}

fn message(body: &str) -> OutgoingMessage<'_> {
    OutgoingMessage::new("orders", body)
}

/// Runs a test whose attempts may take half a second.
fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
}

fn impatient() -> Queues {
    Queues(Cloud::impatient())
}

#[test]
fn a_message_is_in_the_storage_queue() {
    run(async {
        let azurite = Azurite::start().await;
        azurite.create("orders-1x").await;
        let queues = Queues::new();
        let variables = azurite.variables("orders-1x");
        for body in [r#"{"id":"first"}"#, r#""zweite · 二 <&> test""#, "1"] {
            variables.send(&queues, &message(body)).await.unwrap();
        }
        let received = azurite.receive("orders-1x").await;
        assert_eq!(received, [r#"{"id":"first"}"#, r#""zweite · 二 <&> test""#, "1"]);
        // Who caused a message stands above its body, for there is no other place.
        assert!(!has_attributes("orders", &|name| variables.0.get(name).cloned()));
        let with_caller = above_the_body("eyJ0eXAi.e30.c2ln", r#"{"id":"zweite · 二"}"#);
        variables.send(&queues, &message(&with_caller)).await.unwrap();
        assert_eq!(azurite.receive("orders-1x").await, [with_caller]);
        // What is kept back is not seen yet.
        let mut later = message("2");
        later.delay = Duration::from_millis(1500);
        variables.send(&queues, &later).await.unwrap();
        assert!(azurite.receive("orders-1x").await.is_empty());
        tokio::time::sleep(Duration::from_millis(2300)).await;
        assert_eq!(azurite.receive("orders-1x").await, ["2"]);
        // As much as fits, and no more.
        let largest = "1".repeat(48 * 1024);
        variables.send(&queues, &message(&largest)).await.unwrap();
        let error = variables.send(&queues, &message(&format!("{largest}1"))).await.unwrap_err();
        assert!(error.to_string().contains("at most 49152 octets"), "{error}");
    });
}

#[test]
fn what_storage_refuses_is_told_without_secrets() {
    run(async {
        let azurite = Azurite::start().await;
        azurite.create("orders-1x").await;
        let absent = azurite.variables("absent").send(&Queues::new(), &message("1")).await.unwrap_err();
        assert_eq!(absent.to_string(), "Azure Storage answered 404 QueueNotFound");
        let wrong = azurite.connection_string().replace("AccountKey=", "AccountKey=AAAA");
        let variables = azurite.variables("orders-1x").with("AzureWebJobsStorage", wrong);
        let error = variables.send(&Queues::new(), &message("1")).await.unwrap_err();
        assert!(error.to_string().starts_with("Azure Storage answered 403 Auth"), "{error:?}");
        assert!(!format!("{error:?}").contains("AAAA"), "{error:?}");
    });
}

#[test]
fn what_a_storage_queue_has_not_is_an_error() {
    let ask = |change: fn(&mut OutgoingMessage<'_>), said: &str| {
        run(async {
            let mut asking = message("1");
            change(&mut asking);
            let variables = Variables::queue("https://a.queue.core.windows.net/q");
            let error = variables.send(&Queues::new(), &asking).await.unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        });
    };
    ask(|message| message.delay = Duration::from_secs(7 * 86_400 + 1), "seven days");
    ask(|message| message.group = Some("a"), "`.fifo()`");
    ask(|message| message.deduplication_id = Some("a"), "`.fifo()`");
}

#[test]
fn a_message_of_service_bus_is_signed_and_says_what_is_asked() {
    run(async {
        let mut server = Server::start(&[SENT]).await;
        let variables = server.service_bus();
        let queues = impatient();
        let attributes = [("traceparent", "00-1-2-01"), ("tenant", "zwö")];
        let mut asking = message(r#"{"id":"é"}"#);
        (asking.group, asking.deduplication_id, asking.attributes) = (Some("s-1"), Some("d-1"), &attributes);
        variables.send(&queues, &asking).await.unwrap();
        let mut later = message("1");
        (later.delay, later.priority) = (Duration::from_secs(90), 9);
        variables.send(&queues, &later).await.unwrap();
        let seen = server.seen();
        assert_eq!(server.connections(), 1);
        assert_eq!((seen[0].target.as_str(), seen[0].body.as_str()), ("/orders-1x/messages", r#"{"id":"é"}"#));
        assert_eq!(seen[0].broker(), json!({"MessageId": "d-1", "SessionId": "s-1"}));
        assert_eq!((seen[0].header("traceparent"), seen[0].header("tenant")), (r#""00-1-2-01""#, r#""zw\u00f6""#));
        let broker = seen[1].broker();
        assert_eq!(broker["MessageId"].as_str().map(str::len), Some(32));
        let due = httpdate::parse_http_date(broker["ScheduledEnqueueTimeUtc"].as_str().unwrap()).unwrap();
        let left = due.duration_since(std::time::SystemTime::now()).unwrap();
        assert!((88..=91).contains(&left.as_secs()), "{left:?}");
        let mut wrong = message("1");
        assert!(has_attributes("orders", &|name: &str| variables.0.get(name).cloned()));
        wrong.attributes = &[("Authorization", "x")];
        assert!(variables.send(&queues, &wrong).await.unwrap_err().to_string().contains("`Authorization`"));
        let long = "x".repeat(129);
        wrong.attributes = &[];
        wrong.group = Some(&long);
        assert!(variables.send(&queues, &wrong).await.unwrap_err().to_string().contains("1 to 128 letters"));
    });
}

#[test]
fn a_wrong_signature_is_refused() {
    run(async {
        let mut server = Server::start(&[SENT]).await;
        let text = server.service_bus_string().replace("SharedAccessKey=", "SharedAccessKey=other-");
        let variables = server.service_bus().with("AzureWebJobsServiceBus", text);
        let error = variables.send(&impatient(), &message("1")).await.unwrap_err();
        assert_eq!(error.to_string(), "Azure Service Bus answered 401");
        assert_eq!(server.seen().len(), 1);
    });
}

#[test]
fn attempts_at_one_message_have_one_id() {
    run(async {
        let mut server = Server::start(&[Reply::Answer(503, ""), SENT]).await;
        let (variables, queues) = (server.service_bus(), impatient());
        variables.send(&queues, &message("1")).await.unwrap();
        variables.send(&queues, &message("1")).await.unwrap();
        let ids: Vec<String> = server.seen().iter().map(|seen| seen.broker()["MessageId"].to_string()).collect();
        assert_eq!(ids.len(), 3);
        assert!(ids[0] == ids[1] && ids[1] != ids[2], "{ids:?}");
    });
}

#[test]
fn an_identity_is_asked_once_and_again_when_its_token_is_not_taken() {
    run(async {
        let mut server = Server::start(&[SENT]).await;
        let identity = server.identity("token-1");
        let variables = Variables(BTreeMap::new())
            .with("AZURE_CLIENT_ID", "11-22")
            .with("IDENTITY_HEADER", "plantedsecret7Qx-header");
        let variables = variables.with("IDENTITY_ENDPOINT", identity);
        let queues = impatient();
        for _ in 0..3 {
            variables.send_plain(&queues, &server, &message("1")).await.unwrap();
        }
        let seen = server.seen();
        let asked: Vec<&str> = seen.iter().map(|seen| seen.target.as_str()).collect();
        let resource = "resource=https%3A%2F%2Fservicebus.azure.net%2F";
        let token = format!("/msi/token?api-version=2019-08-01&{resource}&client_id=11-22");
        assert_eq!(asked, [token.as_str(), "/orders-1x/messages", "/orders-1x/messages", "/orders-1x/messages"]);
        assert_eq!(seen[0].header("x-identity-header"), "plantedsecret7Qx-header");
        assert_eq!(seen[1].header("authorization"), "Bearer token-1");
        // Its roles have changed: the token that is kept is taken no more.
        server.revoke("token-2");
        variables.send_plain(&queues, &server, &message("1")).await.unwrap();
        let seen = server.seen();
        assert_eq!(
            seen.iter().map(|seen| seen.header("authorization")).collect::<Vec<_>>(),
            ["Bearer token-1", "", "Bearer token-2"]
        );
        assert!(!format!("{queues:?}").contains("token-"), "{queues:?}");
    });
}

#[test]
fn without_an_identity_the_error_says_so() {
    run(async {
        let variables = Variables::queue("https://a.queue.core.windows.net/q");
        let error = variables.send(&Queues::new(), &message("1")).await.unwrap_err().to_string();
        assert!(error.contains("IDENTITY_ENDPOINT") && error.contains("AzureWebJobsStorage"), "{error}");
        let nobody = variables
            .with("IDENTITY_HEADER", "plantedsecret7Qx-header")
            .with("IDENTITY_ENDPOINT", "http://127.0.0.1:9/msi");
        let error = nobody.send(&impatient(), &message("1")).await.unwrap_err().to_string();
        assert!(error.contains("3 times") && error.contains("the endpoint of the identity"), "{error}");
        assert!(!error.contains("plantedsecret7Qx-header"), "{error}");
    });
}

#[test]
fn what_passes_is_tried_again_and_what_does_not_is_given_up() {
    for first in [Reply::Answer(503, "no xml"), Reply::Answer(429, ""), Reply::Hang, Reply::HangUp] {
        run(async {
            let mut server = Server::start(&[first, first, SENT]).await;
            server.service_bus().send(&impatient(), &message("1")).await.unwrap();
            assert_eq!(server.seen().len(), 3);
        });
    }
    const ABSENT: &str = "<Error><Code>404</Code><Detail>No such queue.</Detail></Error>";
    for (reply, times, said) in [
        (Reply::Answer(500, ""), 3, "Azure Service Bus answered, 3 times 500"),
        (Reply::Hang, 3, "Azure Service Bus could not be reached, 3 times: no answer within 500ms"),
        (Reply::Answer(404, ABSENT), 1, "Azure Service Bus answered 404 No such queue."),
        (Reply::Answer(302, "<html>"), 1, "Azure Service Bus answered 302"),
    ] {
        run(async {
            let mut server = Server::start(&[reply]).await;
            let error = server.service_bus().send(&impatient(), &message("1")).await.unwrap_err();
            assert_eq!(error.to_string(), said);
            assert_eq!(server.seen().len(), times);
        });
    }
}
