//! An invocation as the host sends it: `POST /<function>` with `Data` and `Metadata`.

mod members;
mod outputs;

use crate::{
    host::Host,
    http,
    platform::log_of,
    trigger::{self, Delivery},
};
pub(crate) use members::{Members, Metadata, decoded, string};
pub(crate) use pikku::json::Text;
use pikku::{
    Engine, Kinds, Problem, Selection,
    call::{Context, Origin},
    function::Reply,
    platform::Level,
};
use serde::Deserialize;
use serde_json::value::RawValue;

/// What the host is answered: the body of a 200, or why not.
pub(crate) type Outcome = Result<Vec<u8>, Failure>;

/// An invocation that failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The body did not arrive.
    Unread(Problem),
    /// It is none.
    Malformed(String),
    /// Nobody is wired for it.
    Unwired(String),
    /// A call failed, which is in the log.
    Failed(Problem),
}

/// One invocation.
#[derive(Debug)]
pub(crate) struct Invocation<'a> {
    pub(crate) host: &'a Host,
    /// The name of the function: the path.
    pub(crate) function: &'a str,
    pub(crate) payload: &'a [u8],
}

/// `HttpScriptInvocationContext` of the host.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Payload<'a> {
    #[serde(borrow)]
    data: Members<'a>,
    #[serde(borrow, default)]
    metadata: Members<'a>,
}

impl Invocation<'_> {
    /// Calls what is wired for the function.
    pub(crate) async fn handle<S: Selection>(&self, engine: &Engine, mut context: Context) -> Outcome {
        let payload: Payload<'_> = serde_json::from_slice(self.payload)
            .map_err(|error| Failure::Malformed(format!("its payload {}", broken(&error))))?;
        let Some((binding, data)) = payload.data.0.first() else {
            return Err(Failure::Malformed("its payload has no binding in `Data`".to_owned()));
        };
        let origin =
            Origin { service: "", function: self.function.to_owned(), binding: binding.0.clone().into_owned() };
        context.origin = Some(Box::new(origin));
        if const { S::KINDS.has(Kinds::HTTP) }
            // What is wired for something else is never taken for a request, whatever it holds.
            && trigger::wired(engine, self.function).is_none()
            && let Some(request) = http::Request::of(data)
        {
            return self.http(engine, request, context).await;
        }
        let deliveries = trigger::read::<S>(engine, self.function, data, &payload.metadata, &context.id)?;
        if let Some(origin) = &mut context.origin {
            origin.service = deliveries.service;
        }
        self.deliver(engine, deliveries.of, context).await
    }

    async fn http(&self, engine: &Engine, request: http::Request<'_>, mut context: Context) -> Outcome {
        context.deadline_ms = context.deadline_ms.map(|_| self.host.deadline_ms(engine.platform().now_ms(), true));
        if let Some(origin) = &mut context.origin {
            origin.service = "azure-http";
        }
        let (id, head) = (context.id.clone(), request.is_head());
        let response = match request.read(self.host, &context.id) {
            Ok(request) => {
                context.identity = http::identity(self.host, &request);
                engine.http(request, context).await
            }
            Err(problem) => pikku::Response::refusal(&problem, head),
        };
        Ok(outputs::response(response, &id, self.function).await)
    }

    /// Calls the wired function for each event, in order. The host can only be told that all of them failed: then it hands
    /// over all of them again.
    async fn deliver(&self, engine: &Engine, deliveries: Vec<Delivery>, context: Context) -> Outcome {
        let (mut failure, mut value) = (None, None);
        let several = deliveries.len() > 1;
        for Delivery { target, trigger, tried } in deliveries {
            match engine.deliver(target, trigger, context.of_one()).await {
                Ok(Reply::Json(json)) if !several => value = Some(json),
                Ok(_) => {}
                Err(problem) => {
                    if let Some(tried) = tried {
                        self.log_tried(&context.id, tried);
                    }
                    failure.get_or_insert(problem);
                }
            }
        }
        match failure {
            Some(problem) => Err(Failure::Failed(problem)),
            None => Ok(outputs::value(value.as_deref())),
        }
    }

    /// A message that has failed is seen, and more so when the host is to give it up.
    fn log_tried(&self, id: &str, tried: trigger::Tried) {
        let most = self.host.max_dequeue_count;
        if !tried.storage {
            let detail = format!("`{}` has been delivered {} times", tried.message, tried.count);
            log_of(
                Level::Warn,
                id,
                self.function,
                "a message failed and is delivered again, or dead-lettered",
                Some(&detail),
            );
        } else if tried.count >= most {
            let detail =
                format!("`{}` has been tried {} times, and `maxDequeueCount` is {most}", tried.message, tried.count);
            log_of(
                Level::Error,
                id,
                self.function,
                "a message failed for the last time and goes to the poison queue",
                Some(&detail),
            );
        } else {
            let detail = format!("`{}` has been tried {} times of {most}", tried.message, tried.count);
            log_of(Level::Warn, id, self.function, "a message failed and is tried again", Some(&detail));
        }
    }
}

/// Why a text is no payload.
fn broken(error: &serde_json::Error) -> String {
    use serde_json::error::Category;
    match error.classify() {
        Category::Eof => format!("ends early: {error}"),
        _ => format!("cannot be read: {error}"),
    }
}

/// Reads a part of a payload.
pub(crate) fn part<'a, T: Deserialize<'a>>(what: &str, json: &'a RawValue) -> Result<T, Failure> {
    serde_json::from_str(json.get()).map_err(|error| Failure::Malformed(format!("{what} {}", broken(&error))))
}
