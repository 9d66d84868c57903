//! Calls that come twice and are done once.
//!
//! A client that got no answer does not know whether its order was placed. With a key of its own it may ask again:
//! `Idempotency-Key: "8e03978e-40d5-43dd-bc93-6894a57f9324"` (draft-ietf-httpapi-idempotency-key-header-07). The first call with a key
//! is done and its result kept; another with that key is answered the same, and nothing is done.
//!
//! ```
//! use pikku_middleware::{
//!     idempotency::{Idempotency, Policy},
//!     store::MemoryStore,
//! };
//!
//! /// Orders are placed once.
//! struct Orders;
//!
//! impl Policy for Orders {
//!     const NAME: &'static str = "orders";
//!     const REQUIRED: bool = true;
//!     type Store = MemoryStore;
//! }
//! # fn app<S: pikku::Selection>() -> pikku::App<S> {
//! # pikku::App::new()
//! // … .routes("/orders", |l| l.middleware::<Idempotency<Orders>>())
//! # .routes("/orders", |l| l.middleware::<Idempotency<Orders>>())
//! # }
//! ```
//!
//! # Where the key comes from
//!
//! | transport | key |
//! |---|---|
//! | HTTP, methods that are not safe | the header, a string of HTTP (RFC 9651) or bare; up to 255 octets |
//! | queue | the message's id; where the platform tells it (SQS FIFO), its deduplication id: what is delivered again is done once |
//! | topic, event bus, stream, table | the id of the message, event, record or change |
//! | schedule | the schedule and the time that the run is for |
//! | object of a bucket, WebSocket, direct call | none |
//!
//! A remote procedure call is an HTTP request, to which `pikku-rpc` gives a key where it is told to; its signed caller is whose it is.
//!
//! # What a key stands for
//!
//! A key is the caller's own: it is bound to the [subject](pikku::Claims::subject) of the session, to the function, and to the
//! transport with its source. Nobody else gets a result by knowing or guessing a key. It stands for one input, too:
//!
//! | a call with a key | is answered |
//! |---|---|
//! | that is new | by the function |
//! | whose call has ended, with the same input | what that was answered, and `Idempotency-Replayed: true` |
//! | whose call has ended, with another input | `422`, `idempotency_key_reused` |
//! | whose call goes on still | `409`, `idempotency_key_in_use`, with `Retry-After`; it does not wait. A message is [put off](#messages) |
//! | whose result could not be kept: too large, or a stream | `409`, `idempotency_result_gone`; nothing is done again |
//! | that is malformed, there twice, or missing where it is required | `400` |
//! | over HTTP without a session | `400`, unless the policy takes [`STRANGERS`](Policy::STRANGERS) |
//!
//! # What is kept
//!
//! Successes, with status, headers and body, and problems that another try would not mend. A problem that may be retried (`5xx`,
//! `429`, or as its error says), one of the session or of a permission, and an input that is not valid are not kept: the next call with
//! the key is done. Cookies are never kept. A call that ends without an end, as with its process, holds its key for
//! [`LEASE_S`](Policy::LEASE_S), or until its deadline where that is later, and then lets it go: who dies in the middle of its work is
//! called again, so what a function does in several steps it does in one transaction.
//!
//! # Messages
//!
//! A message comes again while its key is held where a process died in the middle of it, or where it was sent twice. It is not done
//! then, and not lost: it is put off until the key is free, at the latest until what holds it has come to its deadline.
//!
//! | platform | a message whose key is held |
//! |---|---|
//! | server | comes again when the claim is over. On SQLite and PostgreSQL that is none of its tries; NATS and SQS count it as one |
//! | Workers | comes again when the claim is over, up to 12 hours; it is one of its tries |
//! | Lambda | comes again after the queue's visibility timeout; it is one of its tries |
//! | Azure Functions | comes again as the host sees fit; it is one of its tries |
//!
//! A queue of the plain server takes a deduplication id once within its window and does not keep it, so that there is one message with
//! one id; what is sent again after that is another.
//!
//! A dead letter that is redriven comes with the id that it had, except from SQS. Where another try might mend
//! what it came to, its key was let go, and it is done. Where its end is [kept](#what-is-kept), a message that is redriven within
//! [`LIFETIME_S`](Policy::LIFETIME_S) is answered that again, and nothing is done, whatever was mended meanwhile: send it anew instead.
//!
//! Where it is one of its tries, a queue has at least two [`retries`](pikku::Queue::retries): one for the call that died, one for what
//! came too early. On Lambda and Azure, where the platform alone says when, [`LEASE_S`](Policy::LEASE_S) is no longer than the
//! visibility timeout times the retries that are left.
//!
//! A result is told again to who was told it, without asking permissions again: the call itself may have changed what they look
//! at, as who hands an order over does not own it any more. What a function does to the session
//! ([`SessionControl`](pikku::SessionControl)) is not done again with it.

mod caller;
mod fingerprint;
mod record;

use crate::{
    refusal,
    store::{ResultStore, StoreKey},
    text::{self, Name},
};
use caller::Keyed;
use pikku::{
    BoxFuture, Call, Middleware, Next, Outcome, Problem, Service, SessionMode, StatusCode,
    function::{Meta, Reply},
    platform::Level,
    service::{Plan, Scope},
};
use record::Record;
use std::marker::PhantomData;

/// Does calls with the same key once. How it is used is told in the [module](self).
#[derive(Debug)]
pub struct Idempotency<P>(PhantomData<fn() -> P>);

/// What keys are taken, and how long results are kept.
pub trait Policy: Send + Sync + 'static {
    /// What `cargo pikku routes --middleware` calls it; unique among those of the app.
    const NAME: &'static str;
    /// Whether a request of a method that is not safe has to have a key.
    const REQUIRED: bool = false;
    /// Whether requests without a session are taken with a key. All of them share their keys then, so that a key has to be one that
    /// nobody guesses; it is for functions that know their callers by other means, such as the signature of a webhook.
    const STRANGERS: bool = false;
    /// How long a result is kept, in seconds.
    const LIFETIME_S: u32 = 24 * 60 * 60;
    /// How long a call holds its key that has no deadline, in seconds.
    const LEASE_S: u32 = 60;
    /// The most octets of a result that is kept.
    const MOST_OCTETS: u32 = 64 * 1024;
    /// What keeps the results.
    type Store: Service + ResultStore;
}

/// A call that has begun with a key.
struct Claim<'a, S> {
    store: &'a S,
    key: StoreKey,
    fingerprint: String,
    pending: String,
    /// When it is let go at the latest.
    ends_ms: u64,
}

/// What has become of a key.
enum Known {
    First,
    Ended(Outcome),
}

impl<P: Policy> Idempotency<P> {
    const NAMED: &'static Name = &text::name("idempotency", P::NAME);

    async fn once(scope: &Scope<'_>, next: Next<'_>) -> Outcome {
        let call = scope.call();
        let Some(keyed) = caller::key(call)? else {
            return if P::REQUIRED && caller::may_have_key(call) { Err(missing()) } else { next.run().await };
        };
        if keyed.is_of_stranger && !P::STRANGERS {
            let detail = "a key for doing something once is taken from callers with a session alone";
            return Err(Problem::new(StatusCode::BAD_REQUEST, "idempotency_key_refused", detail));
        }
        // An input that is not valid ends here, as it would further on.
        let fingerprint = fingerprint::of(call, &next.input()?);
        let store = P::Store::get(scope).await?;
        let Keyed { key, .. } = keyed;
        let ends_ms = Self::claim_ends_ms(call);
        let pending = Record::pending(&fingerprint, &token()?, ends_ms).map_err(|error| unavailable(&*error))?;
        let claim = Claim { store: &*store, key, fingerprint, pending, ends_ms };
        match claim.begin(call).await? {
            Known::First => claim.call::<P>(call, next).await,
            Known::Ended(outcome) => outcome,
        }
    }

    /// How long a call holds its key.
    fn claim_ends_ms(call: &Call) -> u64 {
        let lease_ms = call.now_ms().saturating_add(u64::from(P::LEASE_S) * 1000);
        lease_ms.max(call.deadline_ms().map_or(0, |deadline| deadline.saturating_add(1000)))
    }
}

impl<S: ResultStore> Claim<'_, S> {
    async fn begin(&self, call: &Call) -> Result<Known, Problem> {
        let store = self.store;
        let mut held_until_ms = 0;
        // What another has ends or is let go in between at most now and then.
        for _ in 0..3 {
            let now_ms = call.now_ms();
            let is_first = store.replace(&self.key, None, &self.pending, self.ends_ms, now_ms).await;
            if is_first.map_err(|error| unavailable(&*error))? {
                return Ok(Known::First);
            }
            let known = store.load(&self.key, now_ms).await.map_err(|error| unavailable(&*error))?;
            let Some(known) = known else { continue };
            // A store may have done it and not known that it has.
            if known == self.pending {
                return Ok(Known::First);
            }
            let record = Record::read(&known).map_err(|error| unavailable(&*error))?;
            if record.fingerprint() != self.fingerprint {
                let detail = "this key was used with another input";
                return Err(Problem::new(StatusCode::UNPROCESSABLE_CONTENT, "idempotency_key_reused", detail));
            }
            match record.into_outcome() {
                Ok(outcome) => {
                    // The name and the value are HTTP's own.
                    let _ = call.add_response_header("idempotency-replayed", "true");
                    return Ok(Known::Ended(outcome));
                }
                Err(ends_ms) => {
                    held_until_ms = ends_ms;
                    break;
                }
            }
        }
        Err(in_use(call, held_until_ms))
    }

    async fn call<P: Policy>(&self, call: &Call, next: Next<'_>) -> Outcome {
        let outcome = if call.http().is_some() { next.respond().await.map(Reply::from) } else { next.run().await };
        let now_ms = call.now_ms();
        let kept = match Record::ended(&self.fingerprint, &outcome, P::MOST_OCTETS as usize) {
            Ok(Some(text)) => {
                let ends_ms = now_ms.saturating_add(u64::from(P::LIFETIME_S) * 1000);
                self.store.replace(&self.key, Some(&self.pending), &text, ends_ms, now_ms).await
            }
            // It is let go.
            Ok(None) => self.store.replace(&self.key, Some(&self.pending), "", now_ms, now_ms).await,
            Err(error) => Err(error),
        };
        // The call is done either way, and its caller is told so.
        match kept {
            Ok(true) => {}
            Ok(false) => call.log(Level::Warn, "a call took longer than it holds its key: it may be done again", None),
            Err(error) => {
                call.log(Level::Error, "the result of a call with a key is not kept", Some(&error.to_string()));
            }
        }
        outcome
    }
}

/// A client asks again soon. What is delivered again comes when the key is free at the latest, and does not use up its tries before.
fn in_use(call: &Call, until_ms: u64) -> Problem {
    let problem = Problem::new(StatusCode::CONFLICT, "idempotency_key_in_use", "a call with this key goes on still");
    let left_ms = until_ms.saturating_sub(call.now_ms());
    let after_s = if call.http().is_some() { 1 } else { left_ms.div_ceil(1000) };
    refusal::retry_after(problem, after_s).with_deferred(true)
}

fn missing() -> Problem {
    let detail = "this needs the header `Idempotency-Key`";
    Problem::new(StatusCode::BAD_REQUEST, "idempotency_key_missing", detail)
}

fn unavailable(error: &(dyn std::error::Error + Send + Sync)) -> Problem {
    let problem = refusal::unavailable("store_unavailable", "this cannot be done right now", 1);
    problem.with_private(format!("the store of results cannot be asked: {error}"))
}

/// What tells this call from every other, whatever their clients say of themselves.
fn token() -> Result<String, Problem> {
    let mut octets = [0; 16];
    getrandom::getrandom(&mut octets).map_err(|error| Problem::internal(format!("there is no randomness: {error}")))?;
    Ok(fingerprint::hex(&octets))
}

impl<P: Policy> Middleware for Idempotency<P> {
    const NAME: &'static str = Self::NAMED.as_str();
    const META: Meta = meta!("Does calls with the same key once.", [P::Store::NAME]);
    const SESSION: SessionMode = SessionMode::Optional;

    fn plan(plan: &mut Plan) {
        P::Store::plan(plan);
    }

    fn handle<'a>(scope: &'a Scope<'a>, next: Next<'a>) -> BoxFuture<'a, Outcome> {
        Box::pin(Self::once(scope, next))
    }
}
