//! Floating-point numbers.

/// The nearest double to a number of JSON's grammar; `None` where that is infinite.
#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
pub(super) fn nearest(text: &str) -> Option<f64> {
    serde_json::from_str(text).ok()
}

/// The nearest double to a number of JSON's grammar; `None` where that is infinite.
///
/// JavaScript's engine has what this takes: its tables are not in the bundle a second time.
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
pub(super) fn nearest(text: &str) -> Option<f64> {
    let number = js_sys::parse_float(text);
    number.is_finite().then_some(number)
}
