//! Settings from the environment.

use crate::{
    Limits, ServeError,
    error::{Mistakes, WrongSetting},
    health::Health,
};
use std::{str::FromStr, time::Duration};

/// The longest time that can be set: a day.
const LONGEST_S: f64 = 86_400.0;

/// How a server serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) address: String,
    pub(crate) limits: Limits,
    pub(crate) health: Health,
    /// How many proxies stand before the server, each of which adds the address it sees to `X-Forwarded-For`.
    pub(crate) proxies: usize,
    pub(crate) queues: QueueSettings,
}

/// How a server takes what is in its queues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct QueueSettings {
    /// The address of the store.
    pub(crate) store: String,
    /// The addresses of outboxes in databases of the app.
    pub(crate) outboxes: Vec<String>,
    /// Whether messages are taken and schedules run, or messages only sent.
    pub(crate) consumes: bool,
    /// The most calls of a queue at a time.
    pub(crate) calls: usize,
    /// How long a message or a run may take.
    pub(crate) message_time: Duration,
}

impl Default for QueueSettings {
    fn default() -> Self {
        Self {
            store: "sqlite:pikku.db".to_owned(),
            outboxes: Vec::new(),
            consumes: true,
            calls: 16,
            message_time: Duration::from_secs(15 * 60),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        let path = |path: &str| Some(path.to_owned());
        Self {
            address: "127.0.0.1:8080".to_owned(),
            limits: Limits::default(),
            health: Health { live: path("/healthz"), ready: path("/readyz") },
            proxies: 0,
            queues: QueueSettings::default(),
        }
    }
}

impl Settings {
    /// Takes what the variables say. `get` gives the value of a variable.
    ///
    /// # Errors
    ///
    /// All that are wrong.
    pub(crate) fn read(&mut self, get: impl Fn(&str) -> Option<String>) -> Result<(), ServeError> {
        let Self { address, limits, health, proxies, queues } = self;
        let mut mistakes = Mistakes::default();
        if let Some(given) = get("PIKKU_ADDRESS") {
            *address = given;
        } else if let Some(port) = mistakes.note(number::<u16>(&get, "PORT", 0)).flatten() {
            *address = format!("0.0.0.0:{port}");
        }
        let times = [
            ("PIKKU_REQUEST_TIME", &mut limits.request_time),
            ("PIKKU_HEAD_TIME", &mut limits.head_time),
            ("PIKKU_IDLE_TIME", &mut limits.idle_time),
            ("PIKKU_DRAIN_TIME", &mut limits.drain_time),
            ("PIKKU_MESSAGE_TIME", &mut queues.message_time),
        ];
        for (name, time) in times {
            *time = mistakes.note(seconds(&get, name)).flatten().unwrap_or(*time);
        }
        let counts = [
            ("PIKKU_BODY_LIMIT", 0, &mut limits.body),
            ("PIKKU_BODIES_LIMIT", 0, &mut limits.bodies),
            ("PIKKU_REQUESTS", 1, &mut limits.requests),
            ("PIKKU_HEAD_LIMIT", 8 << 10, &mut limits.head),
            ("PIKKU_HEADERS_LIMIT", 1, &mut limits.headers),
            ("PIKKU_CONNECTIONS", 1, &mut limits.connections),
            ("PIKKU_PROXIES", 0, proxies),
            ("PIKKU_QUEUE_CALLS", 1, &mut queues.calls),
        ];
        for (name, least, count) in counts {
            *count = mistakes.note(number(&get, name, least)).flatten().unwrap_or(*count);
        }
        if let Some(given) = get("PIKKU_QUEUES") {
            queues.store = given;
        }
        if let Some(given) = get("PIKKU_OUTBOX") {
            queues.outboxes = given.split_whitespace().map(str::to_owned).collect();
        }
        queues.consumes = mistakes.note(yes(&get, "PIKKU_CONSUME")).flatten().unwrap_or(queues.consumes);
        for (name, known) in [("PIKKU_HEALTH_PATH", &mut health.live), ("PIKKU_READY_PATH", &mut health.ready)] {
            if let Some(given) = mistakes.note(path(&get, name)).flatten() {
                *known = given;
            }
        }
        mistakes.none_or_all()
    }
}

fn yes(get: &impl Fn(&str) -> Option<String>, name: &'static str) -> Result<Option<bool>, WrongSetting> {
    let Some(text) = get(name) else { return Ok(None) };
    match text.as_str() {
        "yes" => Ok(Some(true)),
        "no" => Ok(Some(false)),
        _ => Err(WrongSetting::new(name, &text, "it is neither `yes` nor `no`")),
    }
}

/// A path, or none where the variable is empty.
fn path(get: &impl Fn(&str) -> Option<String>, name: &'static str) -> Result<Option<Option<String>>, WrongSetting> {
    match get(name) {
        Some(text) if !text.is_empty() && !text.starts_with('/') => {
            Err(WrongSetting::new(name, &text, "it does not begin with `/`"))
        }
        given => Ok(given.map(|text| Some(text).filter(|text| !text.is_empty()))),
    }
}

fn number<N: FromStr + PartialOrd + std::fmt::Display>(
    get: &impl Fn(&str) -> Option<String>,
    name: &'static str,
    least: N,
) -> Result<Option<N>, WrongSetting> {
    let Some(text) = get(name) else { return Ok(None) };
    match text.parse() {
        Ok(number) if number >= least => Ok(Some(number)),
        Ok(_) => Err(WrongSetting::new(name, &text, format!("the least is {least}"))),
        Err(_) => Err(WrongSetting::new(name, &text, "it is no whole number, or too large a one")),
    }
}

fn seconds(get: &impl Fn(&str) -> Option<String>, name: &'static str) -> Result<Option<Duration>, WrongSetting> {
    let Some(text) = get(name) else { return Ok(None) };
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds <= LONGEST_S => Ok(Some(Duration::from_secs_f64(seconds))),
        _ => Err(WrongSetting::new(name, &text, "it is no number of seconds above 0, up to a day")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Settings, ServeError> {
        let mut settings = Settings::default();
        let get = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        settings.read(get).map(|()| settings)
    }

    #[test]
    fn what_is_not_set_stays() {
        assert_eq!(read(&[]).unwrap(), Settings::default());
    }

    #[test]
    fn variables_are_taken() {
        let settings = read(&[
            ("PORT", "80"),
            ("PIKKU_DRAIN_TIME", "2.5"),
            ("PIKKU_BODY_LIMIT", "1000"),
            ("PIKKU_HEALTH_PATH", ""),
            ("PIKKU_READY_PATH", "/up"),
        ])
        .unwrap();
        assert_eq!(settings.address, "0.0.0.0:80");
        assert_eq!((settings.limits.drain_time, settings.limits.body), (Duration::from_millis(2500), 1000));
        assert_eq!(settings.health, Health { live: None, ready: Some("/up".to_owned()) });
        assert_eq!(read(&[("PORT", "80"), ("PIKKU_ADDRESS", "[::1]:81")]).unwrap().address, "[::1]:81");
    }

    #[test]
    fn wrong_values_name_the_variable() {
        for (name, value) in [
            ("PORT", "70000"),
            ("PIKKU_REQUEST_TIME", "0"),
            ("PIKKU_IDLE_TIME", "NaN"),
            ("PIKKU_DRAIN_TIME", "1e30"),
            ("PIKKU_BODY_LIMIT", "10MB"),
            ("PIKKU_HEAD_LIMIT", "100"),
            ("PIKKU_CONNECTIONS", "0"),
            ("PIKKU_CONSUME", "maybe"),
            ("PIKKU_QUEUE_CALLS", "0"),
            ("PIKKU_READY_PATH", "ready"),
        ] {
            let error = read(&[(name, value)]).unwrap_err();
            assert!(error.to_string().contains(name) && error.to_string().contains(value), "{error}");
            assert_eq!(error.code(), "PK8003");
        }
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let wrong = [
            ("PORT", "70000"),
            ("PIKKU_DRAIN_TIME", "soon"),
            ("PIKKU_MESSAGE_TIME", "0"),
            ("PIKKU_BODY_LIMIT", "10MB"),
            ("PIKKU_CONSUME", "maybe"),
            ("PIKKU_HEALTH_PATH", "health"),
            ("PIKKU_READY_PATH", "ready"),
        ];
        let error = read(&[&wrong[..], &[("PIKKU_QUEUE_CALLS", "3")]].concat()).unwrap_err();
        let ServeError::Settings(told) = &error else { panic!("{error:?}") };
        let told: Vec<_> = told.iter().map(|told| (told.name, told.value.as_str())).collect();
        assert_eq!(told, wrong);
        assert!(
            error.to_string().contains("PIKKU_DRAIN_TIME is `soon`: it is no number of seconds above 0, up to a day; ")
        );
    }

    #[test]
    fn the_documentation_names_every_variable() {
        let source = include_str!("settings.rs").split("mod tests").next().unwrap_or_default();
        let mut quoted: Vec<&str> = source.split('"').filter(|text| text.starts_with("PIKKU_")).collect();
        quoted.push("PORT");
        assert_eq!(quoted.len(), 20);
        let page = include_str!("docs/settings.md");
        assert!(quoted.iter().all(|name| page.contains(&format!("| `{name}` |"))), "{quoted:?}");
    }
}
