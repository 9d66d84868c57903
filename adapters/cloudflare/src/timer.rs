use crate::host::Host;
use std::{
    cell::RefCell,
    fmt,
    future::Future,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
    time::Duration,
};
use wasm_bindgen::{JsValue, closure::Closure};

/// Completes after some time. Dropped before, it is called off.
pub(crate) struct Timer {
    host: Host,
    duration: Duration,
    state: Rc<RefCell<State>>,
    started: Option<(JsValue, Closure<dyn FnMut()>)>,
}

#[derive(Default)]
struct State {
    done: bool,
    waker: Option<Waker>,
}

impl fmt::Debug for Timer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "a timer of {:?}", self.duration)
    }
}

#[allow(unsafe_code)]
mod single_thread {
    // SAFETY: without the `atomics` feature, which the runtime refuses, wasm32 has one thread; nothing can be sent to
    // another.
    unsafe impl Send for super::Timer {}
}

impl Timer {
    pub(crate) fn new(host: Host, duration: Duration) -> Self {
        Self { host, duration, state: Rc::default(), started: None }
    }
}

impl Future for Timer {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        {
            let mut state = self.state.borrow_mut();
            if state.done {
                return Poll::Ready(());
            }
            state.waker = Some(context.waker().clone());
        }
        if self.started.is_none() {
            let state = Rc::clone(&self.state);
            let done = Closure::<dyn FnMut()>::new(move || {
                let waker = {
                    let mut state = state.borrow_mut();
                    state.done = true;
                    state.waker.take()
                };
                if let Some(waker) = waker {
                    waker.wake();
                }
            });
            let timer = self.host.timer(&done, self.duration.as_secs_f64() * 1000.0);
            self.started = Some((timer, done));
        }
        Poll::Pending
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        if let Some((timer, _)) = &self.started
            && !self.state.borrow().done
        {
            self.host.cancel(timer);
        }
    }
}
