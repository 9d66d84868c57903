//! The greeting with all that is checked, and six middleware around it.

use bench_guarded::{Guarded, bearer, greet};
use pikku::{App, Selection, http::post};
use pikku_middleware::{
    CacheControl, Compression, ConcurrencyLimit, Cors, RequestId, SecurityHeaders,
    cache_control::{self, Directives},
    concurrency_limit,
    cors::{self, Origins},
};

/// Who may call from a page.
#[derive(Debug)]
pub struct Pages;

impl cors::Policy for Pages {
    const NAME: &'static str = "pages";
    const ORIGINS: Origins = Origins::Only(&["https://greetings.example", "https://www.greetings.example"]);
    const HEADERS: &'static [&'static str] = &["authorization", "content-type"];
}

/// What is of one member is kept by nobody else.
#[derive(Debug)]
pub struct Own;

impl cache_control::Policy for Own {
    const NAME: &'static str = "own";
    const DIRECTIVES: Directives = Directives::private().max_age_s(60);
}

/// More than there are connections.
#[derive(Debug)]
pub struct House;

impl concurrency_limit::Policy for House {
    const NAME: &'static str = "house";
    const MOST: u32 = 256;
}

/// The app.
pub fn app<S: Selection>() -> App<S> {
    App::new()
        .middleware::<RequestId>()
        .middleware::<SecurityHeaders>()
        .middleware::<Cors<Pages>>()
        .middleware::<ConcurrencyLimit<House>>()
        .middleware::<CacheControl<Own>>()
        .middleware::<Compression>()
        .authenticate::<bearer>()
        .group::<Guarded>(|g| g.http::<greet>(post("/greet/{id}")))
}
