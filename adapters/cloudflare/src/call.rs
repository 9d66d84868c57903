use std::{
    cell::Cell,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

thread_local! {
    static CURRENT: Cell<u32> = const { Cell::new(0) };
}

/// The number of the call whose future is being polled; 0 between calls.
pub(crate) fn current() -> u32 {
    CURRENT.get()
}

/// Runs `work` as part of a call, so that a panic in it is that call's.
pub(crate) fn within<T>(call: u32, work: impl FnOnce() -> T) -> T {
    let before = CURRENT.replace(call);
    let done = work();
    CURRENT.set(before);
    done
}

/// A future whose polls are part of a call.
pub(crate) struct Within<F> {
    pub(crate) call: u32,
    pub(crate) future: Pin<Box<F>>,
}

impl<F: Future> Future for Within<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        within(self.call, || self.future.as_mut().poll(context))
    }
}

/// A promise of the future's outcome.
pub(crate) fn promise(
    call: u32,
    future: impl Future<Output = Result<wasm_bindgen::JsValue, wasm_bindgen::JsValue>> + 'static,
) -> js_sys::Promise {
    wasm_bindgen_futures::future_to_promise(Within { call, future: Box::pin(future) })
}
