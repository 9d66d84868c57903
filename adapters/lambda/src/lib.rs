//! Runs a Pikku app on AWS Lambda.
//!
//! The adapter translates: a platform's event to a call of the runtime, and the outcome back to what the platform
//! wants. It decides nothing else; routing, validation and errors are the runtime's.
//!
//! | event | call | answer |
//! |---|---|---|
//! | API Gateway REST, HTTP API (1.0 and 2.0), Function URL, ALB | one | the response in the event's own form |
//! | API Gateway WebSocket | one | a status; a message's reply as the body |
//! | SQS, DynamoDB stream, Kinesis | one a record | `batchItemFailures` |
//! | SNS, S3 | one a record | nothing, or an invocation error so that Lambda tries again |
//! | EventBridge rule, Scheduler, custom event | one | nothing, or an invocation error |
//!
//! An event that nobody is wired for is an invocation error that names what came.
//!
//! A bundle whose services send to queues is built with the feature `sqs`, one whose services read secrets with `secrets`; they
//! bring TLS and signatures.
//!
//! A bundle's `main` is `pikku_lambda::run(app::<Bundle>())`; the packager writes it.

#[cfg(any(feature = "secrets", feature = "sqs"))]
mod aws;
mod error;
mod event;
mod http;
mod platform;
mod run;
mod runtime_api;
#[cfg(feature = "secrets")]
mod secrets;
mod shutdown;
#[cfg(feature = "sqs")]
mod sqs;

pub use error::InvocationError;
pub use event::handle;
pub use run::run;
