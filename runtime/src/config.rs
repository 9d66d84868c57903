//! Settings, read and checked before the first call.
//!
//! [`macro@Config`](macro@crate::Config) reads a struct of them; what it expands to calls [`Reader`].

use crate::{BoxError, Platform};
use std::{fmt, str::FromStr};

/// Reads settings and notes everything that is wrong with them.
#[derive(Debug)]
pub struct Reader<'a> {
    platform: &'a dyn Platform,
    mistakes: Vec<String>,
}

/// A setting as a text, where it is set.
#[derive(Debug)]
pub struct Setting<'r, 'a> {
    reader: &'r mut Reader<'a>,
    name: &'static str,
    is_secret: bool,
    text: Option<String>,
    /// Whether it could not be asked for, which is noted.
    failed: bool,
    /// Where it was read, where that is not the environment.
    place: Option<String>,
}

/// What is wrong with the settings: all of it.
#[derive(Debug)]
pub struct ConfigError(Vec<String>);

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.join("; "))
    }
}

impl std::error::Error for ConfigError {}

impl<'a> Reader<'a> {
    /// Reads from a platform.
    pub fn new(platform: &'a dyn Platform) -> Self {
        Self { platform, mistakes: Vec::new() }
    }

    /// The environment variable of that name. One that is empty is not set.
    pub fn variable(&mut self, name: &'static str) -> Setting<'_, 'a> {
        let text = self.platform.env(name).filter(|text| !text.is_empty());
        let place = text.as_ref().and_then(|_| self.platform.place(name));
        Setting { reader: self, name, is_secret: false, text, failed: false, place }
    }

    /// The secret of that name. One that is empty is not there.
    pub async fn secret(&mut self, name: &'static str) -> Setting<'_, 'a> {
        let (text, failed) = match self.platform.secret(name).await {
            Ok(secret) => (secret.map(crate::Secret::into_exposed).filter(|text| !text.is_empty()), false),
            Err(error) => {
                self.mistakes.push(format!("the secret `{name}` cannot be read: {}", crate::error::chain(&*error)));
                (None, true)
            }
        };
        Setting { reader: self, name, is_secret: true, text, failed, place: None }
    }

    /// Everything that was noted.
    pub fn into_error(self) -> BoxError {
        ConfigError(self.mistakes).into()
    }
}

impl Setting<'_, '_> {
    /// The value; `None`, and noted, where it is not set or cannot be read.
    pub fn required<T: FromStr<Err: fmt::Display>>(self) -> Option<T> {
        match &self.text {
            Some(_) => self.read(),
            None if self.failed => None,
            None => {
                let what = self.what();
                self.reader.mistakes.push(format!("{what} is not set"));
                None
            }
        }
    }

    /// The value, where it is set; `None`, and noted, where it cannot be read.
    pub fn optional<T: FromStr<Err: fmt::Display>>(self) -> Option<Option<T>> {
        match &self.text {
            Some(_) => self.read().map(Some),
            None => (!self.failed).then_some(None),
        }
    }

    /// The value, or another where it is not set; `None`, and noted, where it cannot be read.
    pub fn or<T: FromStr<Err: fmt::Display>>(self, default: T) -> Option<T> {
        self.optional().map(|value| value.unwrap_or(default))
    }

    /// The value, or that of another text where it is not set; `None`, and noted, where it cannot be read.
    pub fn or_text<T: FromStr<Err: fmt::Display>>(mut self, default: &str) -> Option<T> {
        if self.text.is_none() && !self.failed {
            self.text = Some(default.to_owned());
        }
        self.required()
    }

    fn read<T: FromStr<Err: fmt::Display>>(self) -> Option<T> {
        let text = self.text.as_deref().unwrap_or_default();
        match text.trim().parse() {
            Ok(value) => Some(value),
            // What is wrong may be told with a part of the value.
            Err(_) if self.is_secret => {
                let what = self.what();
                self.reader.mistakes.push(format!("{what} is not of the form that it should have"));
                None
            }
            Err(error) => {
                let what = self.what();
                self.reader.mistakes.push(format!("{what} is `{text}`: {error}"));
                None
            }
        }
    }

    fn what(&self) -> String {
        match &self.place {
            Some(place) => format!("{place}: {}", self.name),
            None if self.is_secret => format!("the secret `{}`", self.name),
            None => self.name.to_owned(),
        }
    }
}
