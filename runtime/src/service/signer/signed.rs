use super::MessageSigner;
use crate::{
    BoxError, BoxFuture, Claims, Platform,
    call::{CALLER, envelope},
    platform::{LogLine, OutgoingCall, OutgoingMessage},
    service::{Plan, Scope, Service, SignCall, depth_above},
};
use std::{sync::Arc, time::Duration};

/// A service that signs who calls, for messages whose type names it (feature `callers`).
///
/// ```
/// use pikku::{BoxError, Claims, platform::OutgoingMessage, service::CallerSigner};
///
/// #[derive(Clone)]
/// pub struct AppCallers(/* keys */);
/// #[pikku::service]
/// fn app_callers() -> AppCallers { AppCallers() }
///
/// impl CallerSigner for AppCallers {
///     fn sign(&self, caller: &Claims, message: &OutgoingMessage<'_>, now_ms: u64) -> Result<String, BoxError> {
/// #       let _ = (caller, message, now_ms);
///         Ok("what an authenticator behind the queue verifies".to_owned())
///     }
/// }
///
/// #[derive(serde::Serialize, schemars::JsonSchema, pikku::Message)]
/// #[pikku(queue = "orders-placed", signed_by = AppCallers)]
/// pub struct OrderPlaced { id: u64 }
/// ```
///
/// `pikku_auth::message` has what signs, with the authenticator that belongs behind the queue; a service around it derives this:
/// `#[derive(Clone, pikku::CallerSigner)] pub struct AppCallers(Callers);`
pub trait CallerSigner: Service + Clone {
    /// A text without control characters that says who calls, and that goes for this message alone: its queue, its body
    /// and what else of it the receiver can see.
    ///
    /// # Errors
    ///
    /// It cannot be signed. The message is not sent then.
    fn sign(&self, caller: &Claims, message: &OutgoingMessage<'_>, now_ms: u64) -> Result<String, BoxError>;

    /// The same for a call of another service: it goes for that service, that function and that body alone.
    ///
    /// # Errors
    ///
    /// It cannot be signed, as where nothing is said of calls. The call is not made then.
    fn sign_call(&self, _caller: &Claims, _call: &OutgoingCall<'_>, _now_ms: u64) -> Result<String, BoxError> {
        Err(format!("`{}` signs messages and no calls: write its `sign_call`", Self::NAME).into())
    }
}

#[diagnostic::do_not_recommend]
impl<S: CallerSigner> MessageSigner for S {
    const SERVICES: &'static [&'static str] = &[S::NAME];
    const DEPTH: usize = depth_above([S::DEPTH_OF_THE_SERVICES_BELOW]);

    fn plan(plan: &mut Plan) {
        S::plan(plan);
        plan.signs_callers();
    }

    fn queue<'s, Q: Send + 's>(
        scope: &'s Scope<'_>,
        make: impl FnOnce(Arc<dyn Platform>) -> Q + Send + 's,
    ) -> BoxFuture<'s, Result<Q, BoxError>> {
        Box::pin(async move {
            let platform = Arc::clone(scope.platform());
            let Some(caller) = scope.call().claims() else { return Ok(make(platform)) };
            let signer = (*S::get(scope).await?).clone();
            Ok(make(Arc::new(SendsAs { platform, signer, caller: caller.clone() })))
        })
    }

    fn calls<'s>(scope: &'s Scope<'_>) -> BoxFuture<'s, Result<Option<SignCall>, BoxError>> {
        Box::pin(async move {
            let Some(caller) = scope.call().claims() else { return Ok(None) };
            let (signer, caller) = ((*S::get(scope).await?).clone(), caller.clone());
            let sign: SignCall = Box::new(move |call, now_ms| signer.sign_call(&caller, call, now_ms));
            Ok(Some(sign))
        })
    }
}

/// A platform on which every message carries a caller.
#[derive(Clone)]
pub(in crate::service) struct SendsAs<S> {
    pub(in crate::service) platform: Arc<dyn Platform>,
    pub(in crate::service) signer: S,
    pub(in crate::service) caller: Claims,
}

impl<S> std::fmt::Debug for SendsAs<S> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SendsAs").field("platform", &self.platform).finish_non_exhaustive()
    }
}

/// What goes out of a message besides what it has itself.
enum Signed {
    /// What is said of the caller, as an attribute.
    Attribute(String),
    /// Another body, which says it.
    Body(String),
}

impl<S: CallerSigner> SendsAs<S> {
    fn sign(&self, message: &OutgoingMessage<'_>) -> Result<Signed, BoxError> {
        let token = self.signer.sign(&self.caller, message, self.platform.now_ms())?;
        if self.platform.has_attributes(message.queue) {
            return Ok(Signed::Attribute(token));
        }
        envelope::wrap(&token, message.attributes, message.body).map(Signed::Body)
    }
}

impl Signed {
    fn attributes<'a>(&'a self, message: &OutgoingMessage<'a>) -> Vec<(&'a str, &'a str)> {
        let caller = match self {
            Self::Attribute(token) => Some((CALLER, token.as_str())),
            Self::Body(_) => None,
        };
        message.attributes.iter().copied().chain(caller).collect()
    }

    fn message<'a>(
        &'a self,
        attributes: &'a [(&'a str, &'a str)],
        message: &OutgoingMessage<'a>,
    ) -> OutgoingMessage<'a> {
        let body = match self {
            Self::Attribute(_) => message.body,
            Self::Body(body) => body,
        };
        OutgoingMessage { body, attributes, ..*message }
    }
}

impl<S: CallerSigner> Platform for SendsAs<S> {
    fn send<'a>(&'a self, message: OutgoingMessage<'a>) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(async move {
            let signed = self.sign(&message)?;
            let attributes = signed.attributes(&message);
            self.platform.send(signed.message(&attributes, &message)).await
        })
    }

    fn send_all<'a>(&'a self, messages: &'a [OutgoingMessage<'a>]) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(async move {
            let signed = messages.iter().map(|message| self.sign(message)).collect::<Result<Vec<_>, _>>()?;
            let both = || signed.iter().zip(messages);
            let attributes: Vec<_> = both().map(|(signed, message)| signed.attributes(message)).collect();
            let all: Vec<_> = both()
                .zip(&attributes)
                .map(|((signed, message), attributes)| signed.message(attributes, message))
                .collect();
            self.platform.send_all(&all).await
        })
    }

    fn has_attributes(&self, queue: &str) -> bool {
        self.platform.has_attributes(queue)
    }

    fn now_ms(&self) -> u64 {
        self.platform.now_ms()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.platform.sleep(duration)
    }

    fn env(&self, name: &str) -> Option<String> {
        self.platform.env(name)
    }

    fn log(&self, line: &LogLine<'_>) {
        self.platform.log(line);
    }
}
