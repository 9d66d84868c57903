use super::{
    scenario::{Event, Identity, Message, Request, Scenario, Time},
    target::{Answer, Settled, Target, Variable},
};
use futures_util::future::join_all;
use pikku::{
    call::{
        AttributeValue, CALLER, Context, MessageAttribute, PlatformIdentity, QueueMessage, SocketEvent, TableChange,
    },
    dispatch::Arrival,
    function::Reply,
    http::{HttpRequest, Method},
    testing::TestApp,
};
use serde_json::Value;
use std::collections::BTreeMap;

/// The app in this process, in its test harness: what everything else is compared with.
#[derive(Debug)]
pub(super) struct InProcess(TestApp);

impl Target for InProcess {
    const NAME: &'static str = "in-process";

    async fn start(_: &Scenario, variables: &[Variable]) -> Result<Self, String> {
        let app = TestApp::prepare(scenarios::app());
        let app = variables.iter().fold(app, |app, (name, value)| app.variable(name, value));
        app.try_start().await.map(Self).map_err(|why| why.to_string())
    }

    fn vouches(_: &Identity) -> bool {
        true
    }

    async fn http(&self, request: &Request) -> Result<Answer, String> {
        // The clock stands still here: what waits would wait for ever, so the deadline is at once.
        self.answer(request, Some(self.0.engine().platform().now_ms())).await
    }

    async fn together(&self, requests: &[Request]) -> Result<Vec<Answer>, String> {
        // These wait for one another, and not for the clock.
        join_all(requests.iter().map(|request| self.answer(request, None))).await.into_iter().collect()
    }

    async fn queue(&self, queue: &str, messages: &[Message]) -> Result<Vec<Settled>, String> {
        let mut settled = Vec::with_capacity(messages.len());
        for Message { body, attempt, caller } in messages {
            let mut message = QueueMessage { body: body.clone(), receive_count: *attempt, ..QueueMessage::default() };
            if let Some(caller) = caller {
                let value = caller.signed(queue, body, self.0.engine().platform().now_ms())?;
                let attribute = MessageAttribute { data_type: "String".to_owned(), value };
                message.message_attributes.insert(CALLER.to_owned(), attribute);
            }
            settled.push(Settled::of(self.0.queue_message(queue, message).await));
        }
        Ok(settled)
    }

    async fn schedule(&self, schedule: &str, time: &Time) -> Result<Settled, String> {
        self.0.set_now_ms(time.ms);
        Ok(Settled::of(self.0.cron(schedule).await))
    }

    async fn event(&self, event: &Event) -> Result<Settled, String> {
        let app = &self.0;
        Ok(Settled::of(match event {
            Event::Topic { name, message } => app.topic(name, &json(message)?).await,
            Event::Object { bucket, event, key } => app.object(bucket, event, key).await,
            Event::Table { name, event, keys, new, old } => {
                let change = TableChange {
                    event: event.clone(),
                    keys: image(keys)?,
                    new: new.as_ref().map(image).transpose()?,
                    old: old.as_ref().map(image).transpose()?,
                    ..TableChange::default()
                };
                app.table(name, change).await
            }
            Event::Stream { name, data } => app.stream(name, data.clone()).await,
            Event::Bus { source, detail_type, detail } => app.event(source, detail_type, detail).await,
        }))
    }

    async fn say(&self, message: &[u8]) -> Result<Answer, String> {
        let event = SocketEvent {
            connection_id: "connection".to_owned(),
            route_key: "$default".to_owned(),
            api_id: "chat".to_owned(),
            body: message.to_vec().into(),
            ..SocketEvent::default()
        };
        let engine = self.0.engine();
        let target = engine.target(&Arrival::WebSocket("chat")).ok_or("no function takes its messages")?;
        Ok(match engine.deliver(target, event.into(), Context::default()).await {
            Ok(Reply::Json(body)) => Answer::new(200, [], body),
            Ok(other) => return Err(format!("the reply is no JSON: {other:?}")),
            Err(problem) => Answer::new(problem.status().as_u16(), [], problem.to_json()),
        })
    }

    async fn log(&self) -> Vec<String> {
        self.0.logged().iter().map(|line| format!("{line:?}")).collect()
    }
}

impl InProcess {
    async fn answer(&self, request: &Request, deadline_ms: Option<u64>) -> Result<Answer, String> {
        let method = Method::from_bytes(request.method.as_bytes()).map_err(|why| why.to_string())?;
        let mut sent = HttpRequest::new(method, &request.target());
        for (name, value) in &request.headers {
            sent.headers.append(name, value.as_bytes()).map_err(|why| format!("`{name}: {value}`: {why}"))?;
        }
        sent.cookies = sent.headers.cookies();
        sent.body = request.body.clone().into();
        let identity = request.identity.as_ref().map(|identity| match identity {
            Identity::HttpApi(said) | Identity::RestApi(said) => PlatformIdentity::new("api-gateway", said.to_string()),
            Identity::EasyAuth(said) => PlatformIdentity::new("easy-auth", said.to_string()),
        });
        let context = Context { deadline_ms, identity: identity.map(Box::new), ..Context::default() };
        let after = context.after.clone();
        let response = self.0.engine().http(sent, context).await;
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let headers: Vec<_> = response.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        let status = response.status.as_u16();
        let body = response.body.collect(usize::MAX).await.map_err(|why| why.to_string())?;
        after.run(&**self.0.engine().platform(), None).await;
        Ok(Answer::new(status, headers, body))
    }
}

/// The harness takes messages as values.
fn json(message: &str) -> Result<Value, String> {
    serde_json::from_str(message).map_err(|why| format!("the message is no JSON: {why}"))
}

fn image(attributes: &BTreeMap<String, Value>) -> Result<BTreeMap<String, AttributeValue>, String> {
    let attributes = attributes.iter().map(|(name, value)| {
        let value = match value {
            Value::String(text) => AttributeValue::Text(text.clone()),
            Value::Number(number) => AttributeValue::Number(number.to_string()),
            other => return Err(format!("the attribute `{name}` is neither a string nor a number: {other}")),
        };
        Ok((name.clone(), value))
    });
    attributes.collect()
}
