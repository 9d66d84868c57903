//! Layers that an app names itself.
//!
//! The layers are built once, when the app starts, around a service that has nothing of the app: a service of tower must own what
//! it has, while the app's calls borrow theirs. A request takes the way back to the call that waits for it along, in its
//! extensions. When it comes out of the innermost layer it is handed over to that call, which routes it, in the task that polls
//! the layers too, and hands the response back. Nothing is spawned.

use crate::{
    HttpLayer, LayeredBody, LayeredService, RequestInfo,
    service::{self, Failure, Info},
    translate,
};
use bytes::Bytes;
use http::{Request, Response, Uri, request::Parts};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use pikku::{
    App, BoxFuture, Platform, Problem, Selection,
    call::Context,
    dispatch::{AroundHttp, PlanAroundHttp, Routing},
    http::HttpRequest,
};
use std::{
    any::type_name,
    convert::Infallible,
    error::Error,
    future::poll_fn,
    mem::take,
    pin::pin,
    sync::Arc,
    task::{self, Poll},
    time::Duration,
};
use tokio::sync::{
    mpsc::{UnboundedSender, unbounded_channel},
    oneshot,
};
use tower::Service;

/// The octets that a body may grow to between the layers and the app.
const MOST: usize = 10 << 20;

/// Layers of tower around all of an app's HTTP.
pub trait TowerLayers {
    /// Puts the layer that this makes around every HTTP request, on every platform: around middleware, outside of routing. The first
    /// added is the outermost. It is made once, when the app starts.
    ///
    /// ```
    /// # use pikku::{App, Selection, http::get};
    /// # #[pikku::function(public)]
    /// # async fn hello() -> Result<String, pikku::Problem> { Ok("hello".to_owned()) }
    /// # #[derive(pikku::Group)] struct Hello;
    /// use pikku_tower::TowerLayers as _;
    /// use tower_http::cors::CorsLayer;
    ///
    /// fn app<S: Selection>() -> App<S> {
    ///     App::new().tower(CorsLayer::permissive).group::<Hello>(|g| g.http::<hello>(get("/hello")))
    /// }
    /// # let _ = app::<pikku::All>();
    /// ```
    #[must_use]
    fn tower<L: HttpLayer>(self, layer: impl FnOnce() -> L + Send + 'static) -> Self;
}

impl<S: Selection> TowerLayers for App<S> {
    fn tower<L: HttpLayer>(self, layer: impl FnOnce() -> L + Send + 'static) -> Self {
        self.around_http::<Planned>(type_name::<L>(), |planned| {
            planned.0.push(Box::new(|inner, platform| layer().around(inner, platform)));
        })
    }
}

type Around = Box<dyn FnOnce(LayeredService, &Arc<dyn Platform>) -> LayeredService + Send>;

/// The layers of an app that has not started.
#[derive(Default)]
struct Planned(Vec<Around>);

impl PlanAroundHttp for Planned {
    fn start(self: Box<Self>, platform: &Arc<dyn Platform>) -> Box<dyn AroundHttp> {
        let inner = LayeredService::new(Inner(Arc::clone(platform)), platform);
        Box::new(Layers(self.0.into_iter().rev().fold(inner, |inner, around| around(inner, platform))))
    }
}

/// The layers of an app that has started.
struct Layers(LayeredService);

impl AroundHttp for Layers {
    fn answer<'a>(
        &'a self,
        request: Box<HttpRequest>,
        context: Context,
        routing: Routing<'a>,
    ) -> BoxFuture<'a, pikku::Response> {
        Box::pin(pass(&self.0, request, context, routing))
    }
}

/// The way back to the call that waits.
#[derive(Clone)]
struct Meeting {
    calls: UnboundedSender<Box<Asked>>,
    /// The octets that the body may have.
    most: usize,
}

/// A request that has come out of the layers.
struct Asked {
    parts: Parts,
    body: Result<Bytes, Problem>,
    answer: oneshot::Sender<pikku::Response>,
}

/// What the innermost layer stands around.
#[derive(Clone)]
struct Inner(Arc<dyn Platform>);

impl Service<Request<LayeredBody>> for Inner {
    type Response = Response<LayeredBody>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut task::Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<LayeredBody>) -> Self::Future {
        let platform = Arc::clone(&self.0);
        Box::pin(async move {
            let failure = Failure::of(request.method(), request.extensions());
            Ok(match hand_over(request).await {
                Ok(response) => service::response(response),
                Err(reason) => failure.answer(&*platform, reason.to_owned()),
            })
        })
    }
}

/// Hands a request over to the call that waits for it.
async fn hand_over(request: Request<LayeredBody>) -> Result<pikku::Response, &'static str> {
    const LEFT: &str = "a layer has called the app for a request that nobody waits for any more";
    let (mut parts, body) = request.into_parts();
    let Some(Meeting { calls, most }) = parts.extensions.remove() else {
        return Err("a layer has called the app with a request without the extensions of that which it was given");
    };
    let body = Limited::new(body, most).collect().await;
    let body = body.map(|body| body.to_bytes()).map_err(|error| refused(&*error));
    let (answer, answered) = oneshot::channel();
    calls.send(Box::new(Asked { parts, body, answer })).map_err(|_| LEFT)?;
    answered.await.map_err(|_| LEFT)
}

/// Why a body does not come to the app.
fn refused(error: &(dyn Error + 'static)) -> Problem {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<LengthLimitError>() {
            return Problem::too_large("the body is larger than this takes");
        }
        next = error.source();
    }
    Problem::malformed("the body ended early or is not well-formed")
}

/// A request that is routed.
struct Going<'a> {
    response: BoxFuture<'a, pikku::Response>,
    answer: oneshot::Sender<pikku::Response>,
}

/// Passes a request through the layers, and routes what comes out of them.
async fn pass(
    layers: &LayeredService,
    mut request: Box<HttpRequest>,
    context: Context,
    routing: Routing<'_>,
) -> pikku::Response {
    let target = match translate::target(&request) {
        Ok(target) => target,
        Err(problem) => return pikku::Response::from(&problem),
    };
    let (calls, mut asked) = unbounded_channel();
    let (headers, body) = (take(&mut request.headers), take(&mut request.body));
    let mut outgoing = Request::new(LayeredBody::default());
    outgoing.extensions_mut().insert(Meeting { calls, most: body.len().max(MOST) });
    outgoing.extensions_mut().insert(RequestInfo(Arc::new(Info {
        id: Arc::clone(&context.id),
        trace: context.trace.clone(),
        client_ip: request.client_ip.clone(),
        deadline_ms: context.deadline_ms,
    })));
    *outgoing.body_mut() = LayeredBody::whole(body);
    *outgoing.headers_mut() = headers.to_map();
    outgoing.method_mut().clone_from(&request.method);
    *outgoing.uri_mut() = Uri::from(target.clone());
    let mut layered = pin!(layers.answer(outgoing));
    let mut going: Vec<Going<'_>> = Vec::new();
    let mut deadline = None;
    let response = poll_fn(|task| {
        loop {
            if let Poll::Ready(response) = layered.as_mut().poll(task) {
                return Poll::Ready(Some(response));
            }
            while let Poll::Ready(Some(one)) = asked.poll_recv(task) {
                let Asked { parts, body, answer } = *one;
                let route = |body| Box::new(translate::request(&request, &target, parts, body));
                let response = match body {
                    Ok(body) => routing.answer(route(body), context.clone()),
                    Err(problem) => routing.refuse(problem, route(Bytes::new()), context.clone()),
                };
                going.push(Going { response, answer });
            }
            let mut is_answered = false;
            going = take(&mut going)
                .into_iter()
                .filter_map(|mut one| {
                    // A layer that does not wait any more ends the call.
                    if one.answer.poll_closed(task).is_ready() {
                        return None;
                    }
                    let Poll::Ready(response) = one.response.as_mut().poll(task) else { return Some(one) };
                    is_answered = true;
                    // Nobody may wait for it by now.
                    let _ = one.answer.send(response);
                    None
                })
                .collect();
            if is_answered {
                continue;
            }
            // A call has its deadline itself, and is in the log where it is late.
            let (true, Some(deadline_ms)) = (going.is_empty(), context.deadline_ms) else { return Poll::Pending };
            let deadline = deadline.get_or_insert_with(|| {
                let platform = routing.platform();
                platform.sleep(Duration::from_millis(deadline_ms.saturating_sub(platform.now_ms())))
            });
            return deadline.as_mut().poll(task).map(|()| None);
        }
    })
    .await;
    match response {
        Some(response) => translate::response(response).await,
        None => routing.late(&context),
    }
}
