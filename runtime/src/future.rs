use std::{
    any::Any,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::Poll,
};

/// A boxed future that can move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Boxes the future of a user's function at the edge of the runtime.
///
/// Natively this demands `Send`, so that every function is checked to run on any executor.
#[cfg(not(target_family = "wasm"))]
pub fn edge<'a, F: Future + Send + 'a>(future: F) -> BoxFuture<'a, F::Output> {
    Box::pin(future)
}

#[cfg(all(target_family = "wasm", target_feature = "atomics"))]
compile_error!("pikku does not support wasm with threads: its futures are asserted to stay on one thread");

/// Boxes the future of a user's function at the edge of the runtime.
///
/// On wasm without threads the futures of the platform's bindings are not `Send`; nothing can move them, so the edge
/// erases that. A native build of the same function still checks it.
#[cfg(all(target_family = "wasm", not(target_feature = "atomics")))]
pub fn edge<'a, F: Future + 'a>(future: F) -> BoxFuture<'a, F::Output> {
    Box::pin(single_thread::AssertSend(future))
}

#[cfg(all(target_family = "wasm", not(target_feature = "atomics")))]
#[allow(unsafe_code)]
mod single_thread {
    use std::{
        future::Future,
        pin::Pin,
        task::{Context, Poll},
    };

    pub(super) struct AssertSend<F>(pub(super) F);

    // SAFETY: without the `atomics` feature wasm32 has one thread, so no value can be sent to another.
    unsafe impl<F> Send for AssertSend<F> {}

    impl<F: Future> Future for AssertSend<F> {
        type Output = F::Output;

        fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
            // SAFETY: the field is pinned with its owner and never moved out of it.
            unsafe { self.map_unchecked_mut(|this| &mut this.0) }.poll(context)
        }
    }
}

/// Awaits a future whose panic is an error, and which a timer ends: `None`. Where panics abort, they do. The timer is set when
/// the future first waits: most do not.
pub(crate) async fn contained<T>(
    mut future: BoxFuture<'_, T>,
    set: impl FnOnce() -> Option<BoxFuture<'static, ()>>,
) -> Result<Option<T>, String> {
    let (mut set, mut timer) = (Some(set), None);
    poll_fn(|context| {
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
            Ok(Poll::Ready(value)) => return Poll::Ready(Ok(Some(value))),
            Ok(Poll::Pending) => {}
            Err(panic) => return Poll::Ready(Err(panic_message(&*panic).to_owned())),
        }
        if let Some(set) = set.take() {
            timer = set();
        }
        match &mut timer {
            Some(timer) => timer.as_mut().poll(context).map(|()| Ok(None)),
            None => Poll::Pending,
        }
    })
    .await
}

/// What a panic says.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message")
}
