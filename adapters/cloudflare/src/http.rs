use crate::{
    call::{leave, promise, revocable, within},
    instance::{App, context, engine, host, log},
};
use js_sys::{Array, Promise, Uint8Array};
use pikku::{
    Body, BoxError, Bytes, Engine, Kinds, Problem, Response, Selection,
    call::{AfterAnswer, Context},
    http::{Headers, HttpRequest, Method, RequestPath, parse_query},
};
use std::{cell::RefCell, future::poll_fn, rc::Rc, sync::Arc};
use wasm_bindgen::{JsValue, closure::Closure};

/// Answers a request: a promise of the status, the headers, the body, and a promise of the work after the answer where there
/// is some.
///
/// `head` is the method, the URL, and the names and values of the headers, each on a line of its own; so are the headers of
/// the answer. One text crosses the border much cheaper than twenty, and none of them can hold a line break. `body` is
/// `None` where it was larger than the JavaScript around the bundle takes.
pub fn fetch<S: Selection>(app: &'static App<S>, call: u32, head: String, body: Option<Vec<u8>>) -> Promise {
    if !const { S::KINDS.has(Kinds::HTTP) } {
        let problem = Problem::new(pikku::StatusCode::NOT_FOUND, "not_found", "there is nothing at this path");
        return match answer(call, None, Response::from(&problem), None) {
            Ok(answer) => Promise::resolve(&answer),
            Err(error) => Promise::reject(&error),
        };
    }
    revocable(call, async move {
        let engine = match engine(app).await {
            Ok(engine) => engine,
            Err(problem) => return answer(call, None, Response::from(&problem), None),
        };
        let (response, after) = match request(&head) {
            Ok(mut request) => {
                let trace = request.header("traceparent").map(str::to_owned);
                let context = context(&engine, app.timeout_ms, request.request_id.clone(), trace);
                let answering = Answering::new(&engine, &context);
                let response = match body {
                    Some(body) => {
                        request.body = Bytes::from(body);
                        engine.http(request, context).await
                    }
                    None => {
                        let problem = Problem::too_large("the body is larger than this takes");
                        engine.refuse(problem, Box::new(request), context).await
                    }
                };
                (response, Some(answering.done()))
            }
            Err(problem) => (Response::refusal(&problem, head.starts_with("HEAD\n")), None),
        };
        answer(call, Some(&engine), response, after)
    })
}

/// A call until it is answered. One that is dropped before, as its client has gone away, leaves what it wanted done after.
struct Answering(Option<(Arc<Engine>, AfterAnswer, Option<u64>)>);

impl Answering {
    fn new(engine: &Arc<Engine>, context: &Context) -> Self {
        Self(Some((Arc::clone(engine), context.after.clone(), context.deadline_ms)))
    }

    /// It is answered: what is to be done now, and by when.
    fn done(mut self) -> (AfterAnswer, Option<u64>) {
        self.0.take().map(|(_, after, deadline_ms)| (after, deadline_ms)).unwrap_or_default()
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        let Some((engine, after, deadline_ms)) = self.0.take() else { return };
        after.cancel();
        if !after.is_empty() {
            leave(async move { after.run(&**engine.platform(), deadline_ms).await });
        }
    }
}

/// A request, without its body.
fn request(head: &str) -> Result<HttpRequest, Problem> {
    let mut lines = head.split('\n');
    let (method, url) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    // The URL parser of the platform has made it absolute: a scheme, an authority, a path.
    let target = url.match_indices('/').nth(2).and_then(|(at, _)| url.get(at..)).unwrap_or("/");
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers = headers(lines)?;
    let text = |name: &str| headers.get(name).map(Arc::from);
    Ok(HttpRequest {
        method: Method::from_bytes(method.as_bytes())
            .map_err(|_| Problem::malformed("the method is not one of HTTP"))?,
        path: RequestPath::encoded(path),
        route_path: None,
        query: parse_query(query.as_bytes()),
        cookies: headers.cookies(),
        body: Bytes::new(),
        // The platform sets both itself, over whatever the client claims.
        client_ip: text("cf-connecting-ip"),
        request_id: text("cf-ray"),
        stage: None,
        resource: None,
        headers,
    })
}

/// Headers as HTTP has them.
fn headers<'a>(mut lines: impl Iterator<Item = &'a str>) -> Result<Headers, Problem> {
    let mut headers = Headers::default();
    while let (Some(name), Some(value)) = (lines.next(), lines.next()) {
        headers.append(name, value.as_bytes()).map_err(|error| Problem::malformed(error.to_string()))?;
    }
    Ok(headers)
}

fn answer(
    call: u32,
    engine: Option<&Arc<Engine>>,
    response: Response,
    after: Option<(AfterAnswer, Option<u64>)>,
) -> Result<JsValue, JsValue> {
    let Response { status, headers, body } = response;
    let mut lines = String::new();
    for (name, value) in headers.iter() {
        for part in [name, &String::from_utf8_lossy(value)] {
            if !lines.is_empty() {
                lines.push('\n');
            }
            lines.push_str(part);
        }
    }
    let body = match body.whole() {
        Some(octets) if octets.is_empty() => JsValue::NULL,
        Some(octets) => Uint8Array::from(&octets[..]).into(),
        None => stream(body, engine.cloned())?,
    };
    let work = match (after, engine) {
        (Some((after, deadline_ms)), Some(engine)) if !after.is_empty() => {
            let engine = Arc::clone(engine);
            promise(call, async move {
                after.run(&**engine.platform(), deadline_ms).await;
                Ok(JsValue::UNDEFINED)
            })
            .into()
        }
        _ => JsValue::UNDEFINED,
    };
    Ok(Array::of4(&JsValue::from(status.as_u16()), &JsValue::from_str(&lines), &body, &work).into())
}

/// A body that the platform pulls chunk by chunk. Each pull has a call's number of its own; that of 0 drops the body, which nobody
/// waits for any more.
fn stream(body: Body, engine: Option<Arc<Engine>>) -> Result<JsValue, JsValue> {
    let body = Rc::new(RefCell::new(Some(body)));
    let pull = Closure::<dyn FnMut(u32) -> Promise>::new(move |call: u32| {
        let (kept, engine) = (Rc::clone(&body), engine.clone());
        if call == 0 {
            drop(kept.take());
            return Promise::resolve(&JsValue::UNDEFINED);
        }
        within(call, || {
            revocable(call, async move {
                let Some(mut body) = kept.borrow_mut().take() else { return Ok(JsValue::UNDEFINED) };
                let chunk: Option<Result<Bytes, BoxError>> = poll_fn(|context| body.poll_chunk(context)).await;
                match chunk {
                    None => Ok(JsValue::UNDEFINED),
                    Some(Ok(octets)) => {
                        *kept.borrow_mut() = Some(body);
                        Ok(Uint8Array::from(&octets[..]).into())
                    }
                    Some(Err(error)) => {
                        let error = JsValue::from_str(&error.to_string());
                        if let Some(engine) = &engine {
                            log(engine, "the body of a response could not be made", &error);
                        }
                        // What went wrong is in the log alone; the client sees a body that is cut off.
                        Err(JsValue::from_str("the body of the response ended early"))
                    }
                }
            })
        })
    });
    let stream = host()?.stream(&pull);
    // JavaScript's collector drops it with the stream; the body is dropped when it ends or is given up.
    let _ = pull.into_js_value();
    Ok(stream)
}
