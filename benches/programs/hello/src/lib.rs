//! One validated JSON function over HTTP, as small as a real one is. What the benchmarks package.

#[cfg(not(feature = "sends"))]
use pikku::Problem;
#[cfg(not(feature = "fixed"))]
use pikku::http::post;
use pikku::{App, Selection};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who is greeted. The id comes from the path, the rest from the body.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Greet {
    /// Whose page it is.
    pub id: u64,
    /// Who.
    #[schemars(length(min = 1, max = 80))]
    #[cfg_attr(feature = "pattern", schemars(regex(pattern = r"^[A-Z][a-z]*(-[A-Z][a-z]*)?$")))]
    pub name: String,
    /// How old.
    #[schemars(range(max = 150))]
    pub age: Option<u32>,
    /// What they like.
    #[schemars(length(max = 10))]
    pub tags: Vec<String>,
}

/// What is said.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Greeting {
    /// To whom.
    pub id: u64,
    /// The words.
    pub text: String,
    /// How many things they like.
    pub likes: usize,
}

impl Greet {
    /// The work itself, which the peers do too.
    #[must_use]
    pub fn greeting(self) -> Greeting {
        let text = match self.age {
            Some(age) => format!("hello, {} ({age})", self.name),
            None => format!("hello, {}", self.name),
        };
        Greeting { id: self.id, text, likes: self.tags.len() }
    }
}

/// Greets someone.
#[cfg(not(feature = "sends"))]
#[pikku::function(public)]
pub async fn greet(input: Greet) -> Result<Greeting, Problem> {
    Ok(input.greeting())
}

/// Greets someone, and tells a queue.
#[cfg(feature = "sends")]
#[pikku::function(public)]
pub async fn greet(told: &pikku::service::Queue<sends::Told>, input: Greet) -> Result<Greeting, sends::TellError> {
    let greeting = input.greeting();
    told.send(&sends::Told { id: greeting.id }).await.map_err(sends::TellError::NotTaken)?;
    Ok(greeting)
}

/// Answers a fixed text.
#[cfg(feature = "fixed")]
#[pikku::function(public)]
pub async fn fixed() -> Result<pikku::Response, Problem> {
    Ok(pikku::Response::new(pikku::http::StatusCode::OK).with_body("text/plain; charset=utf-8", "hello"))
}

#[cfg(feature = "sends")]
mod sends;

/// The one bundle.
#[derive(Debug, pikku::Group)]
pub struct Hello;

/// The app.
pub fn app<S: Selection>() -> App<S> {
    #[cfg(not(feature = "fixed"))]
    let app = App::new().group::<Hello>(|g| g.http::<greet>(post("/greet/{id}")));
    #[cfg(feature = "fixed")]
    let app = App::new().group::<Hello>(|g| g.http::<fixed>(pikku::http::get("/greet/{id}")));
    #[cfg(feature = "sends")]
    let app = app.group::<sends::Notes>(|g| g.queue::<sends::take_note>(sends::QUEUE, pikku::Queue::batch(10)));
    app
}
