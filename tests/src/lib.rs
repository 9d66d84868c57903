//! What the whole-system tests stand on: where the tools and the packaged examples are, functions that run from their
//! real zips, and the events that are sent to them.
//!
//! `cargo xtask test` packages the examples, installs the tools and says where they are:
//!
//! | variable | what |
//! |---|---|
//! | `PIKKU_BUNDLES` | a folder for each of `shop`, `echo`, `fixture`, `policies` and `scenarios`, as `cargo pikku package` writes it; in `cloudflare`, `azure` and `server`, the same for Workers, function apps and servers |
//! | `PIKKU_PACKAGER` | the `cargo-pikku` program |
//! | `PIKKU_TOOLS` | the judges: `venv/bin/{sam,cfn-lint,ministack,python}`, `venv-moto/bin/{moto_server,python}`, `venv-zig/bin/cargo-zigbuild`, `aws-lambda-rie`, `npm/node_modules`, `azurite/node_modules` |

mod answer;
pub mod event;
pub mod judge;
pub mod matrix;
mod place;
mod planted;
pub mod readme;
mod secrets;
mod shop;
mod sqs;

pub use answer::Answer;
pub use place::{
    azure, azure_bundles, bundle, bundles, copy_folder, package, packager, path_with_zig, path_without_zig, repository,
    server, target, tool, worker,
};
pub use planted::{PLANTED, planted};
pub use secrets::{KeyVault, SecretStores};
pub use shop::{CUSTOMER, cookie, shop_manager, shop_variable};
pub use sqs::Sqs;

use pikku_local_lambda::{Builder, Invocation, LocalLambda, Logs};
use serde_json::Value;
use std::time::Duration;

/// A function from the zip of an example's group, with its logs kept, the credentials of a role, which
/// must not be seen, and more time than an event needs.
pub fn function(example: &str, group: &str) -> Builder {
    LocalLambda::zip(bundle(example, group))
        .function_name(format!("{example}-{group}"))
        .memory_mb(256)
        .timeout(Duration::from_secs(20))
        .logs(Logs::Captured)
        .env("AWS_SECRET_ACCESS_KEY", planted("role"))
        .env("AWS_SESSION_TOKEN", planted("session"))
}

/// Starts what [`function`] describes.
pub fn start(example: &str, group: &str) -> LocalLambda {
    started(function(example, group))
}

/// Starts a function that the test has described further.
pub fn started(function: Builder) -> LocalLambda {
    function.start().unwrap_or_else(|why| panic!("the bundle does not start: {why}"))
}

/// Sends an event as it is and waits for what it comes to.
pub async fn send(lambda: &LocalLambda, event: impl Into<Vec<u8>>) -> Invocation {
    let event: Vec<u8> = event.into();
    lambda.invoke(event).await.unwrap_or_else(|why| panic!("the event was not handed over: {why}"))
}

/// Sends an HTTP event and reads the answer.
pub async fn ask(lambda: &LocalLambda, event: &Value) -> Answer {
    Answer::of(&send(lambda, event.to_string()).await)
}

/// Fails the test when a process of the function has panicked.
pub fn no_panic(lambda: &LocalLambda) {
    let logs = lambda.logs();
    assert!(!logs.iter().any(|line| line.contains("panicked")), "a process panicked:\n{}", logs.join("\n"));
}
