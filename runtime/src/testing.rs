//! The test harness: an app in process, its services swapped by value.
//!
//! The whole app runs, with the same dispatcher, validation and errors as in a bundle. Nothing leaves the process:
//! messages that services send are kept and can be delivered; the clock stands still unless moved.
//!
//! ```
//! # #[derive(serde::Deserialize, schemars::JsonSchema)] pub struct Greet { name: String }
//! # #[pikku::function(public)] pub async fn greet(input: Greet) -> Result<String, pikku::Problem> { Ok(format!("hello, {}", input.name)) }
//! # #[derive(pikku::Group)] pub struct Hello;
//! # pub fn app<S: pikku::Selection>() -> pikku::App<S> {
//! #     pikku::App::new().group::<Hello>(|g| g.http::<greet>(pikku::http::post("/greet")))
//! # }
//! use pikku::testing::{TestApp, block_on};
//! use serde_json::json;
//!
//! block_on(async {
//!     let app = TestApp::start(app()).await;
//!     let answer = app.post("/greet").json(&json!({ "name": "Ada" })).send().await;
//!     assert_eq!(answer.status(), 200);
//!     assert_eq!(answer.json::<String>(), "hello, Ada");
//! });
//! ```

mod app;
mod events;
mod platform;
mod request;
mod sent;

pub use app::{Failure, TestApp, TestAppBuilder};
pub use platform::LoggedLine;
pub use request::{TestRequest, TestResponse};
#[cfg(feature = "callers")]
pub use sent::above_the_body;
pub use sent::{Sent, TestQueue};
use std::{
    future::Future,
    pin::pin,
    sync::{Arc, Condvar, Mutex, PoisonError},
    task::{Context, Poll, Wake, Waker},
};

/// Runs a future to its end on this thread, for tests without an executor.
pub fn block_on<F: Future>(future: F) -> F::Output {
    #[derive(Default)]
    struct Signal {
        woken: Mutex<bool>,
        wakes: Condvar,
    }

    impl Wake for Signal {
        fn wake(self: Arc<Self>) {
            *self.woken.lock().unwrap_or_else(PoisonError::into_inner) = true;
            self.wakes.notify_one();
        }
    }

    let signal = Arc::new(Signal::default());
    let waker = Waker::from(Arc::clone(&signal));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        let woken = signal.woken.lock().unwrap_or_else(PoisonError::into_inner);
        let mut woken = signal.wakes.wait_while(woken, |woken| !*woken).unwrap_or_else(PoisonError::into_inner);
        *woken = false;
    }
}
