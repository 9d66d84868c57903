use super::Method;

/// A method and a path that a function is wired to, with what the wiring adds.
///
/// Paths are written as in axum: `{name}` takes one segment, `{*name}` the rest, which is not empty. They are case
/// sensitive, and a trailing slash is a different path. A `HEAD` request is answered by the `GET` route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    pub(crate) method: Option<Method>,
    pub(crate) path: &'static str,
    pub(crate) status: Option<u16>,
    pub(crate) fields: Vec<FieldSource>,
    pub(crate) timeout_ms: Option<u32>,
    /// Whether it is reached by remote procedure calls.
    pub(crate) rpc: bool,
}

/// A field of the input that comes from a header or a cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FieldSource {
    pub(crate) cookie: bool,
    pub(crate) name: &'static str,
    pub(crate) field: &'static str,
}

impl Route {
    fn new(method: Option<Method>, path: &'static str) -> Self {
        Self { method, path, status: None, fields: Vec::new(), timeout_ms: None, rpc: false }
    }

    /// The route of remote procedure calls of a function.
    #[cfg(feature = "rpc")]
    pub(crate) fn rpc<F: crate::Function>() -> Self {
        Self { rpc: true, ..post(super::rpc_path::<F>()) }
    }

    /// Answers a success with this status instead of 200, or 204 without output.
    #[must_use]
    pub fn status(self, status: u16) -> Self {
        Self { status: Some(status), ..self }
    }

    /// Ends a call that takes longer than this. The platform's own limit and that of the function hold as well.
    #[must_use]
    pub fn timeout_ms(self, milliseconds: u32) -> Self {
        Self { timeout_ms: Some(milliseconds), ..self }
    }

    /// Takes the input's `field` from a header. Header names are matched whatever their case.
    #[must_use]
    pub fn header(mut self, name: &'static str, field: &'static str) -> Self {
        self.fields.push(FieldSource { cookie: false, name, field });
        self
    }

    /// Takes the input's `field` from a cookie.
    #[must_use]
    pub fn cookie(mut self, name: &'static str, field: &'static str) -> Self {
        self.fields.push(FieldSource { cookie: true, name, field });
        self
    }
}

/// A route for every method.
pub fn any(path: &'static str) -> Route {
    Route::new(None, path)
}

macro_rules! methods {
    ($($function:ident $method:ident;)*) => {$(
        #[doc = concat!("A route for `", stringify!($method), "`.")]
        pub fn $function(path: &'static str) -> Route {
            Route::new(Some(Method::$method), path)
        }
    )*};
}

methods! {
    get GET;
    post POST;
    put PUT;
    patch PATCH;
    delete DELETE;
    head HEAD;
    options OPTIONS;
}
