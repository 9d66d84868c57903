//! Calls as promises: under numbers of their own, by which a panic names what it has ended, and JavaScript what it gives up.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};
use wasm_bindgen::JsValue;

thread_local! {
    static CURRENT: Cell<u32> = const { Cell::new(0) };
    /// Those that can be given up.
    static GOING_ON: RefCell<BTreeMap<u32, Rc<Call>>> = const { RefCell::new(BTreeMap::new()) };
    /// The promise of the work that a call has left which is being given up.
    static LEFT: Cell<JsValue> = const { Cell::new(JsValue::UNDEFINED) };
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

type Outcome = Result<JsValue, JsValue>;

struct Call {
    number: u32,
    /// Not there while it is polled, and when it has ended.
    future: Cell<Option<Pin<Box<dyn Future<Output = Outcome>>>>>,
    waker: Cell<Option<Waker>>,
    is_given_up: Cell<bool>,
}

impl Call {
    fn of(number: u32, future: impl Future<Output = Outcome> + 'static) -> Rc<Self> {
        let future: Pin<Box<dyn Future<Output = Outcome>>> = Box::pin(future);
        Rc::new(Self { number, future: Cell::new(Some(future)), waker: Cell::default(), is_given_up: Cell::new(false) })
    }
}

/// A future whose polls are part of a call.
struct Polled(Rc<Call>);

impl Future for Polled {
    type Output = Outcome;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome> {
        let call = &*self.0;
        let Some(mut future) = call.future.take() else {
            return Poll::Ready(Err(JsValue::from_str("it was given up")));
        };
        within(call.number, || {
            let polled = future.as_mut().poll(context);
            if polled.is_pending() && !call.is_given_up.get() {
                call.waker.set(Some(context.waker().clone()));
                call.future.set(Some(future));
            }
            polled
        })
    }
}

impl Drop for Polled {
    fn drop(&mut self) {
        GOING_ON.with_borrow_mut(|calls| {
            if calls.get(&self.0.number).is_some_and(|call| Rc::ptr_eq(call, &self.0)) {
                calls.remove(&self.0.number);
            }
        });
    }
}

/// A promise of the future's outcome.
pub(crate) fn promise(call: u32, future: impl Future<Output = Outcome> + 'static) -> js_sys::Promise {
    wasm_bindgen_futures::future_to_promise(Polled(Call::of(call, future)))
}

/// The same of a call that can be given up.
pub(crate) fn revocable(call: u32, future: impl Future<Output = Outcome> + 'static) -> js_sys::Promise {
    let going_on = Call::of(call, future);
    GOING_ON.with_borrow_mut(|calls| calls.insert(call, Rc::clone(&going_on)));
    wasm_bindgen_futures::future_to_promise(Polled(going_on))
}

/// Drops a call that nobody waits for any more, with all that it holds. Gives a promise of the work that it has left, where it has
/// left some.
pub fn give_up(number: u32) -> JsValue {
    let Some(call) = GOING_ON.with_borrow_mut(|calls| calls.remove(&number)) else { return JsValue::UNDEFINED };
    call.is_given_up.set(true);
    within(number, || drop(call.future.take()));
    // The promise is rejected, which frees what JavaScript holds of it.
    if let Some(waker) = call.waker.take() {
        waker.wake();
    }
    LEFT.replace(JsValue::UNDEFINED)
}

/// Leaves work behind from within the drop of a call that is given up.
pub(crate) fn leave(work: impl Future<Output = ()> + 'static) {
    let work = async move {
        work.await;
        Ok(JsValue::UNDEFINED)
    };
    LEFT.set(promise(current(), work).into());
}
