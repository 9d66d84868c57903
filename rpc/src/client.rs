use crate::{Endpoint, Failure, Remote, RpcError, answer};
use bytes::Bytes;
use pikku::{
    __private::Text,
    BoxError, BoxFuture, Function, Platform, Problem, Service,
    call::CALLER,
    http::{
        RPC_TIMEOUT,
        transport::{OutgoingRequest, post},
    },
    platform::OutgoingCall,
    service::{ConstructPerCall, Handle, MessageSigner, PerCall, Plan, Scope, SignCall, depth_above},
};
use serde::{Serialize, de::DeserializeOwned};
use std::{fmt, future::Future, marker::PhantomData, sync::Arc, time::Duration};

/// The longest key of a call that is done once, in octets.
const LONGEST_KEY: usize = 255;

/// Calls functions of another service, for one call of this one. Functions and per-call services ask for it by type.
///
/// ```
/// # use pikku_rpc::{HttpsTransport, Remote, Rpc, RpcError};
/// # #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)] pub struct Item { sku: String }
/// # #[pikku::function(public)] async fn price_of(item: Item) -> Result<u32, pikku::Problem> { Ok(item.sku.len() as u32) }
/// # struct Prices;
/// # impl Remote for Prices {
/// #     const NAME: &'static str = "prices";
/// #     const URL: &'static str = "PRICES_URL";
/// #     type Transport = HttpsTransport;
/// #     type Signer = pikku::service::Unsigned;
/// # }
/// /// Twice the price.
/// #[pikku::function(public)]
/// async fn two_of(prices: &Rpc<Prices>, item: Item) -> Result<u32, RpcError> {
///     Ok(2 * prices.call::<price_of>(&item).await?)
/// }
/// ```
pub struct Rpc<R> {
    endpoint: Endpoint<R>,
    platform: Arc<dyn Platform>,
    signs: Option<SignCall>,
    trace: Option<(String, Option<String>)>,
    deadline_ms: Option<u64>,
    remote: PhantomData<fn() -> R>,
}

/// A call that is being prepared: `prices.request::<price_of>(&item).idempotency_key("…").send()`.
#[must_use = "a call is not made until `send`"]
pub struct Request<'a, R, F: Function> {
    rpc: &'a Rpc<R>,
    input: &'a F::Input,
    key: Option<&'a str>,
    patience: Option<Duration>,
}

impl<R: Remote> Rpc<R> {
    const NAMED: &'static Text<128> = &Text::new().with("Rpc<").with(R::NAME).with(">");

    /// Calls a function there, once, as the caller of this call.
    ///
    /// # Errors
    ///
    /// The function refused, or there was no answer, or none that it could have given.
    pub async fn call<F: Function>(&self, input: &F::Input) -> Result<F::Output, RpcError>
    where
        F::Input: Serialize,
        F::Output: DeserializeOwned,
    {
        self.request::<F>(input).send().await
    }

    /// A call with a key by which it is done once, or with less time.
    pub fn request<'a, F: Function>(&'a self, input: &'a F::Input) -> Request<'a, R, F> {
        Request { rpc: self, input, key: None, patience: None }
    }

    /// How long a call may take now: no longer than the call that makes it.
    fn patience(&self, wanted: Option<Duration>) -> Duration {
        let most = Duration::from_millis(R::TIMEOUT_MS.into());
        let wanted = wanted.map_or(most, |wanted| wanted.min(most));
        let left = self.deadline_ms.map(|deadline| deadline.saturating_sub(self.platform.now_ms()));
        left.map_or(wanted, |left| wanted.min(Duration::from_millis(left)))
    }
}

impl<R: Remote, F: Function> Request<'_, R, F> {
    /// Gives the call a key, such as a UUID: where `Idempotency` of `pikku-middleware` stands around the function, calls of
    /// one caller with one key are done once. It is up to 255 octets of ASCII.
    pub fn idempotency_key<'k>(self, key: &'k str) -> Request<'k, R, F>
    where
        Self: 'k,
    {
        Request { rpc: self.rpc, input: self.input, key: Some(key), patience: self.patience }
    }

    /// Waits no longer than that.
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { patience: Some(timeout), ..self }
    }

    /// Makes the call, once.
    ///
    /// # Errors
    ///
    /// As [`Rpc::call`].
    pub async fn send(self) -> Result<F::Output, RpcError>
    where
        F::Input: Serialize,
        F::Output: DeserializeOwned,
    {
        let failed = |failure| RpcError::new(R::NAME, F::NAME, failure);
        let unsent = |error: BoxError| failed(Failure::Unsent(error));
        let body = serde_json::to_vec(self.input).map_err(|error| unsent(error.into()))?;
        let key = self.key.map(quoted).transpose().map_err(unsent)?;
        let rpc = self.rpc;
        let patience = rpc.patience(self.patience);
        if patience.is_zero() {
            return Err(failed(Failure::Late(patience)));
        }
        let call = OutgoingCall::new(R::NAME, F::NAME, &body).with_idempotency_key(key.as_deref());
        let caller = rpc.signs.as_ref().map(|sign| sign(&call, rpc.platform.now_ms())).transpose().map_err(unsent)?;
        let mut headers = vec![
            ("content-type".into(), "application/json".to_owned()),
            ("accept".into(), "application/json".to_owned()),
            (RPC_TIMEOUT.into(), u32::try_from(patience.as_millis()).unwrap_or(u32::MAX).to_string()),
        ];
        let (trace, state) = rpc.trace.clone().unzip();
        let more =
            [(CALLER, caller), ("idempotency-key", key), ("traceparent", trace), ("tracestate", state.flatten())];
        headers.extend(more.into_iter().filter_map(|(name, value)| Some((name.into(), value?))));
        let most = R::MOST_OCTETS as usize;
        let url = rpc.endpoint.url::<F>();
        let request = OutgoingRequest { url: &url, headers: &headers, body: Bytes::from(body), most, patience };
        let answered = post(rpc.endpoint.transport(), request, &*rpc.platform).await;
        let answer = answered.ok_or_else(|| failed(Failure::Late(patience)))?;
        let answer = answer.map_err(|error| failed(Failure::Unreachable(error)))?;
        answer::read(&answer, most).map_err(|failure| match failure {
            // Who notices first that the time is over makes no difference.
            Failure::Refused(refusal) if refusal.code == Problem::DEADLINE_EXCEEDED => failed(Failure::Late(patience)),
            failure => failed(failure),
        })
    }
}

/// A key as a string of HTTP (RFC 9651, section 3.3.3).
fn quoted(key: &str) -> Result<String, BoxError> {
    if key.is_empty() || key.len() > LONGEST_KEY || !key.bytes().all(|octet| (0x20..0x7f).contains(&octet)) {
        return Err(format!("an idempotency key is 1 to {LONGEST_KEY} octets of printable ASCII").into());
    }
    Ok(format!("\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\"")))
}

impl<R> fmt::Debug for Rpc<R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Rpc").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl<R, F: Function> fmt::Debug for Request<'_, R, F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut request = formatter.debug_struct("Request");
        request
            .field("function", &F::NAME)
            .field("key", &self.key)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}

impl<R: Remote> Service for Rpc<R> {
    type Lifetime = PerCall;
    const NAME: &'static str = Self::NAMED.as_str();
    const DEPENDS_ON: &'static [&'static str] = match R::Signer::SERVICES {
        [] => &[Endpoint::<R>::NAME],
        [signer, ..] => &[Endpoint::<R>::NAME, *signer],
    };
    const DEPTH_OF_THE_SERVICES_BELOW: usize =
        depth_above([Endpoint::<R>::DEPTH_OF_THE_SERVICES_BELOW, R::Signer::DEPTH]);

    fn plan(plan: &mut Plan) {
        plan.per_call::<Self>(|plan| {
            Endpoint::<R>::plan(plan);
            R::Signer::plan(plan);
        });
    }

    fn get<'s>(scope: &'s Scope<'_>) -> impl Future<Output = Result<Handle<'s, Self>, Problem>> + Send {
        scope.per_call()
    }
}

impl<R: Remote> ConstructPerCall for Rpc<R> {
    fn construct<'s>(scope: &'s Scope<'_>) -> BoxFuture<'s, Result<Self, BoxError>> {
        Box::pin(async move {
            let call = scope.call();
            Ok(Self {
                endpoint: (*Endpoint::<R>::get(scope).await?).clone(),
                platform: Arc::clone(scope.platform()),
                signs: R::Signer::calls(scope).await?,
                trace: call.traceparent().map(|trace| (trace, call.trace_state())),
                deadline_ms: call.deadline_ms(),
                remote: PhantomData,
            })
        })
    }
}
