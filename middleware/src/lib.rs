//! Middleware for Pikku: what stands around calls in most apps.
//!
//! Each is a type that is attached as any [middleware](macro@pikku::middleware) is: to the app, a group, a tag, the routes of a
//! pattern. What it is to do is told by constants of a type of the app, its policy, so that nothing is read while calls run and
//! what an app does not use is not in its bundles.
//!
//! The name of a policy is its `NAME`: a middleware `security_headers` with a policy that says `NAME = "pages"` is
//! `security_headers(pages)` to `cargo pikku routes --middleware`.

/// What the source says of a middleware without services.
#[allow(unused_macros, reason = "its users come next")]
macro_rules! meta {
    ($description:literal) => {
        Meta { description: $description, module: module_path!(), file: file!(), line: line!(), services: &[] }
    };
}

#[allow(dead_code, reason = "its users come next")]
mod text;
