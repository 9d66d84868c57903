use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// The JavaScript around the bundle, as it offers itself to it.
    #[derive(Debug, Clone)]
    pub type Host;

    /// Ends a call that panicked: its promise will never settle by itself.
    #[wasm_bindgen(method)]
    pub(crate) fn panicked(this: &Host, call: u32);

    /// Writes a line to the log; the level is that of `console`.
    #[wasm_bindgen(method)]
    pub(crate) fn log(this: &Host, level: &str, line: &str);

    /// Calls back after so many milliseconds; gives a number by which that is called off.
    #[wasm_bindgen(method)]
    pub(crate) fn timer(this: &Host, done: &Closure<dyn FnMut()>, ms: f64) -> JsValue;

    /// Calls a timer off.
    #[wasm_bindgen(method)]
    pub(crate) fn cancel(this: &Host, timer: &JsValue);

    /// A random id.
    #[wasm_bindgen(method)]
    pub(crate) fn id(this: &Host) -> String;

    /// Sends a text to the producer binding of that name, to be kept back for so many seconds; a rejection says why not.
    #[wasm_bindgen(method)]
    pub(crate) fn send(this: &Host, binding: &str, text: &str, delay_s: f64) -> js_sys::Promise;

    /// A stream that asks the bundle for chunk after chunk.
    #[wasm_bindgen(method)]
    pub(crate) fn stream(this: &Host, pull: &Closure<dyn FnMut(u32) -> js_sys::Promise>) -> JsValue;
}
