use pikku::{http::transport::Transport, service::MessageSigner};

/// Another service, as this app knows it: what it is called, where it is, and who signs who calls.
///
/// Functions ask for [`Rpc<Self>`](crate::Rpc).
pub trait Remote: Send + Sync + 'static {
    /// Its name, by which it knows itself too (`Callers::of_service`): what is signed for its calls goes for no other service. Empty
    /// where services share no secret, or no names of functions. Unique in the app.
    const NAME: &'static str;
    /// The variable with its base URL, such as `https://prices.example` or `http://127.0.0.1:8081/stage`.
    const URL: &'static str;
    /// How long a call may take in milliseconds, if the call that makes it is not to end before.
    const TIMEOUT_MS: u32 = 10_000;
    /// The most octets of an answer.
    const MOST_OCTETS: u32 = 1024 * 1024;
    /// Whether it may be called in the clear over a network, such as one that nobody else is on. Without it a URL is of `https`, or
    /// of this machine.
    const IN_THE_CLEAR: bool = false;
    /// How requests get there: `HttpsTransport` (feature `https`) on every target but Workers, there `WorkerFetch` of
    /// `pikku-cloudflare` (feature `transport`).
    type Transport: Transport + Default;
    /// What signs who calls; [`Unsigned`](pikku::service::Unsigned) where calls are to say nothing of it.
    type Signer: MessageSigner;
}
