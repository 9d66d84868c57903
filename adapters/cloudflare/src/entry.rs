/// Exports what the packager's JavaScript calls: the entry of a bundle.
///
/// The selection says what the bundle holds; the expression makes the app, anew for every start that is tried.
#[macro_export]
macro_rules! worker {
    ($selection:ty, $app:expr, timeout_ms = $timeout_ms:expr) => {
        #[allow(clippy::wildcard_imports, missing_docs, unreachable_pub)]
        mod __worker {
            use super::*;
            use $crate::__private::{js_sys, wasm_bindgen};

            const APP: $crate::__private::App<$selection> =
                $crate::__private::App { make: || $app, timeout_ms: $timeout_ms };

            #[wasm_bindgen::prelude::wasm_bindgen(wasm_bindgen = wasm_bindgen)]
            pub fn pikku_initialise(
                env: wasm_bindgen::JsValue,
                host: $crate::__private::Host,
            ) -> ::std::string::String {
                $crate::__private::initialise(env, host)
            }

            #[wasm_bindgen::prelude::wasm_bindgen(wasm_bindgen = wasm_bindgen)]
            pub fn pikku_fetch(
                call: u32,
                head: ::std::string::String,
                body: ::std::option::Option<::std::vec::Vec<u8>>,
            ) -> js_sys::Promise {
                $crate::__private::fetch(&APP, call, head, body)
            }

            #[wasm_bindgen::prelude::wasm_bindgen(wasm_bindgen = wasm_bindgen)]
            pub fn pikku_give_up(call: u32) -> wasm_bindgen::JsValue {
                $crate::__private::give_up(call)
            }

            #[wasm_bindgen::prelude::wasm_bindgen(wasm_bindgen = wasm_bindgen)]
            pub fn pikku_message(
                call: u32,
                queue: ::std::string::String,
                id: ::std::string::String,
                sent_at_ms: f64,
                attempts: u32,
                content_type: ::std::string::String,
                body: ::std::vec::Vec<u8>,
            ) -> js_sys::Promise {
                $crate::__private::message(&APP, call, queue, id, sent_at_ms, attempts, content_type, body)
            }

            #[wasm_bindgen::prelude::wasm_bindgen(wasm_bindgen = wasm_bindgen)]
            pub fn pikku_scheduled(call: u32, cron: ::std::string::String, time_ms: f64) -> js_sys::Promise {
                $crate::__private::scheduled(&APP, call, cron, time_ms)
            }
        }
    };
}
