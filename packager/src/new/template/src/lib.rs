//! Greets people, and keeps a book of those it has greeted.
//!
//! `cargo pikku dev` serves it, `cargo test` tests it, `cargo pikku package` packages it.

use pikku::{
    App, Cron, Need, Problem, Queue, Selection,
    http::{get, post},
    service::{Queues, SendError},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Mutex;

/// A group is the unit of deployment: one bundle of what its functions need and no more.
#[derive(Debug, pikku::Group)]
pub struct Greetings;

/// How the functions are reached.
pub fn app<S: Selection>() -> App<S> {
    App::new().group::<Greetings>(|g| {
        g.http::<greet>(post("/greetings"))
            .http::<list_guests>(get("/guests"))
            .queue::<write_down>("greeted", Queue::batch(10).retries(3))
            .cron::<turn_the_page>(Cron::new("0 4 * * *"))
    })
}

/// Who is to be greeted.
#[derive(Deserialize, JsonSchema)]
pub struct Greet {
    #[schemars(length(min = 1, max = 80))]
    name: String,
    language: Option<String>,
}

/// A greeting.
#[derive(Serialize, JsonSchema)]
pub struct Greeting {
    text: String,
}

/// Why nobody was greeted. Errors are part of the contract.
#[derive(Debug, pikku::Error)]
pub enum GreetError {
    /// Nobody here speaks that language.
    #[pikku(status = 404, detail = "no greeting in `{language}`")]
    UnknownLanguage { language: String },
    /// The greeting could not be noted.
    #[pikku(status = 503, retry)]
    NotNoted(SendError),
}

/// Greets someone, and leaves the rest to the queue.
#[pikku::function]
pub async fn greet(greeted: &GreetedQueue, input: Greet) -> Result<Greeting, GreetError> {
    let language = input.language.unwrap_or_else(|| "en".to_owned());
    let hello = match language.as_str() {
        "en" => "Hello",
        "fi" => "Hei",
        _ => return Err(GreetError::UnknownLanguage { language }),
    };
    let text = format!("{hello}, {}!", input.name);
    greeted.send(&Greeted { name: input.name }).await.map_err(GreetError::NotNoted)?;
    Ok(Greeting { text })
}

/// Someone was greeted: a message of the queue `greeted`.
#[derive(Serialize, Deserialize, JsonSchema)]
pub struct Greeted {
    name: String,
}

/// The queue of those who were greeted. What a service declares is granted to its bundles, and nothing else.
pub struct GreetedQueue(Queues);

#[pikku::service(needs = [Need::SendToQueue("greeted")])]
fn greeted_queue(queues: &Queues) -> GreetedQueue {
    GreetedQueue(queues.clone())
}

impl GreetedQueue {
    async fn send(&self, message: &Greeted) -> Result<(), SendError> {
        self.0.send("greeted", message).await
    }
}

/// Writes a guest into the book.
#[pikku::function]
pub async fn write_down(guests: &Guests, message: Greeted) -> Result<(), Problem> {
    guests.add(message.name);
    Ok(())
}

/// Everyone who was greeted.
#[pikku::function]
pub async fn list_guests(guests: &Guests) -> Result<Vec<String>, Problem> {
    Ok(guests.all())
}

/// Begins a new page each night.
#[pikku::function]
pub async fn turn_the_page(guests: &Guests) -> Result<(), Problem> {
    println!("{} guests were greeted", guests.clear());
    Ok(())
}

/// The guests: a service, built once and shared by all functions. It forgets them when the process ends; a service with a
/// database is written the same way.
#[derive(Default)]
pub struct Guests(Mutex<Vec<String>>);

#[pikku::service]
fn guests() -> Guests {
    Guests::default()
}

impl Guests {
    fn add(&self, name: String) {
        self.0.lock().expect("no thread panics with it").push(name);
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().expect("no thread panics with it").clone()
    }

    fn clear(&self) -> usize {
        self.0.lock().expect("no thread panics with it").drain(..).count()
    }
}
