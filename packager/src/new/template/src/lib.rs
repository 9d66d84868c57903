//! Greets people, and keeps a book of those it has greeted.
//!
//! `cargo pikku dev` serves it, `cargo test` tests it, `cargo pikku package` packages it.

use pikku::{
    App, Cron, Problem, Selection,
    http::{get, post},
    service::{Queue, SendError},
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
            .queue::<write_down>("greeted", pikku::Queue::batch(10).retries(3))
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
///
/// Anyone may call it: without `public` a caller would need a session.
#[pikku::function(public)]
pub async fn greet(greeted: &Queue<Greeted>, input: Greet) -> Result<Greeting, GreetError> {
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

/// Someone was greeted: a message of the queue `greeted`. A function that asks for `&Queue<Greeted>` may send it; its bundle
/// is granted that queue, and no other.
#[derive(Serialize, Deserialize, JsonSchema, pikku::Message)]
#[pikku(queue = "greeted")]
pub struct Greeted {
    name: String,
}

/// Writes a guest into the book.
#[pikku::function]
pub async fn write_down(guests: &Guests, message: Greeted) -> Result<(), Problem> {
    guests.add(message.name);
    Ok(())
}

/// Everyone who was greeted.
#[pikku::function(public)]
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
