//! The tables of a file, and what is wrong with them.

use crate::{Mistake, TARGETS, Value, Wanted, variable_of_secret};
use std::collections::BTreeMap;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

type Values = BTreeMap<String, Value>;

/// Reads all tables, so that a mistake of one that does not count today is told too; gives the values that count.
pub(crate) fn read(text: &str, wanted: Wanted<'_>) -> (Values, Vec<Mistake>) {
    let (root, errors) = DeTable::parse_recoverable(text);
    let mut reader = Reader { text, wanted, values: Values::new(), mistakes: Vec::new() };
    for error in &errors {
        let line = error.span().map_or(0, |span| reader.line(span.start));
        reader.mistakes.push(Mistake::at(line, format!("it is no TOML: {}", error.message())));
    }
    // Where it is no TOML, what was understood of it may be something else than what was meant.
    if errors.is_empty() {
        reader.root(root.get_ref());
    }
    (reader.values, reader.mistakes)
}

struct Reader<'a> {
    text: &'a str,
    wanted: Wanted<'a>,
    values: Values,
    mistakes: Vec<Mistake>,
}

type Key<'i> = Spanned<toml::de::DeString<'i>>;

impl Reader<'_> {
    fn line(&self, octet: usize) -> usize {
        self.text.as_bytes()[..octet.min(self.text.len())].iter().filter(|octet| **octet == b'\n').count() + 1
    }

    fn root(&mut self, root: &DeTable<'_>) {
        for (key, value) in root {
            match (key.get_ref().as_ref(), value.get_ref()) {
                ("settings" | "targets" | "stages", DeValue::Table(_)) => {}
                ("settings" | "targets" | "stages", _) => self.refuse(key, "it is a table: write it as `[settings]`"),
                _ => self.refuse(key, "there are only the tables `settings`, `targets` and `stages`"),
            }
        }
        let table = |name: &str| match root.get(name).map(Spanned::get_ref) {
            Some(DeValue::Table(table)) => Some(table),
            _ => None,
        };
        if let Some(settings) = table("settings") {
            self.settings(settings, true);
        }
        for (key, value) in table("targets").into_iter().flatten() {
            let name = key.get_ref().as_ref();
            if !TARGETS.contains(&name) {
                self.refuse(key, &format!("there is no such target: there are {}", TARGETS.join(", ")));
            }
            self.named(key, value, name == self.wanted.target);
        }
        let stages = table("stages");
        for (key, value) in stages.into_iter().flatten() {
            self.named(key, value, self.wanted.stage == Some(key.get_ref().as_ref()));
        }
        if let Some(stage) = self.wanted.stage
            && stages.is_none_or(|stages| stages.get(stage).is_none())
        {
            self.mistakes.push(Mistake::of_file(format!("it has no table `stages.{stage}`, which is asked for")));
        }
    }

    /// The table of a target or of a stage.
    fn named(&mut self, key: &Key<'_>, value: &Spanned<DeValue<'_>>, counts: bool) {
        match value.get_ref() {
            DeValue::Table(table) => self.settings(table, counts),
            _ => self.refuse(key, "it is a table of settings"),
        }
    }

    /// Settings, which replace those of the tables before where they count.
    fn settings(&mut self, table: &DeTable<'_>, counts: bool) {
        for (key, value) in table {
            let (name, line) = (key.get_ref().as_ref(), self.line(key.span().start));
            if let Some(reason) = self.refused(name) {
                self.refuse(key, &reason);
                continue;
            }
            match text(value.get_ref()) {
                Some(text) if counts => drop(self.values.insert(name.to_owned(), Value { text, line })),
                Some(_) => {}
                None => {
                    let kind = value.get_ref().type_str();
                    self.refuse(
                        key,
                        &format!("it is of the type {kind}: a setting is a text, a number or true or false"),
                    );
                }
            }
        }
    }

    /// Why a variable may not stand in a file.
    fn refused(&self, name: &str) -> Option<String> {
        let secret = |secret: &&&str| name == **secret || name == variable_of_secret(secret);
        if let Some(secret) = self.wanted.secrets.iter().find(secret) {
            return Some(format!(
                "it is the secret `{secret}`, which no file of settings holds: files are copied, printed and committed; put a \
                 new one where the platform keeps secrets"
            ));
        }
        if name.starts_with("PIKKU_") {
            return Some("it is the server's own: set it as a variable of the environment".to_owned());
        }
        match self.wanted.variables {
            Some(known) if !known.contains(&name) => Some(match nearest(name, known) {
                Some(nearest) => format!("nothing of the app reads it; is it `{nearest}`?"),
                None if known.is_empty() => "nothing of the app reads it: the app reads no settings".to_owned(),
                None => format!("nothing of the app reads it: it reads {}", known.join(", ")),
            }),
            _ => None,
        }
    }

    fn refuse(&mut self, key: &Key<'_>, reason: &str) {
        let line = self.line(key.span().start);
        self.mistakes.push(Mistake::of_key(line, key.get_ref(), reason));
    }
}

/// The text that a variable would have.
fn text(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Boolean(is) => Some(is.to_string()),
        // In decimal, as types read numbers.
        DeValue::Integer(number) => {
            i128::from_str_radix(number.as_str(), number.radix()).ok().map(|number| number.to_string())
        }
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

/// The name that was meant, where one is the same but for case, hyphens and one letter.
fn nearest<'n>(name: &str, known: &[&'n str]) -> Option<&'n str> {
    let plain = |name: &str| variable_of_secret(name);
    let wanted = plain(name);
    known.iter().copied().find(|known| is_near(&wanted, &plain(known)))
}

/// Whether two names are equal but for at most one letter.
fn is_near(a: &str, b: &str) -> bool {
    let start = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    let end = a.bytes().rev().zip(b.bytes().rev()).take_while(|(a, b)| a == b).count();
    a.len().abs_diff(b.len()) <= 1 && start + end + 1 >= a.len().max(b.len())
}
