//! What a validation error says to the caller.
//!
//! Interpreted and compiled validation both end in [`jsonschema::ValidationError`]; this module turns one into
//! [`Violation`]s, so that both modes say the same. It owns three decisions:
//!
//! - **No values.** A detail names what was wanted, never what came: an input may hold secrets.
//! - **The field, not the object.** A missing or unknown field is reported at the field's own pointer.
//! - **The variant that was meant.** A mistake inside a tagged enum breaks every branch of a `oneOf`. The branch whose
//!   tag fits is the one meant, and its own mistakes are reported; when no tag fits, the tag is.

use crate::{Violation, json};
use jsonschema::{
    ValidationError,
    error::{TypeKind, ValidationErrorKind as Kind},
};
use serde_json::Value;
use std::fmt;

/// The `format` under which a bundle's compiled validator checks a `pattern` with the small regex engine: this prefix,
/// then the pattern as the schema has it.
pub const PATTERN_FORMAT: &str = "pikku:pattern:";

/// How the constants and limits of a schema are written in a detail.
///
/// All but floating-point numbers is written here. What prints those is 25 kB of code and tables, so a compiled validator
/// brings the few that its schema has as text.
#[derive(Clone, Copy)]
pub struct Texts<'t> {
    float: &'t dyn Fn(f64) -> String,
}

impl<'t> Texts<'t> {
    /// Floating-point numbers are written so.
    pub fn new(float: &'t dyn Fn(f64) -> String) -> Self {
        Self { float }
    }

    /// A number of those alone, each with its text.
    pub fn known(floats: &[(f64, &str)], number: f64) -> String {
        // What a validator reports of its schema is that schema's own number, bit by bit.
        let known = floats.iter().find(|(known, _)| known.to_bits() == number.to_bits());
        known.map_or("a number", |(_, text)| text).to_owned()
    }

    /// A divisor, without a fraction where it has none.
    fn divisor(self, number: f64) -> String {
        let whole = number as i64;
        if whole as f64 == number { whole.to_string() } else { (self.float)(number) }
    }

    fn json(self, value: &Value) -> String {
        let list = |texts: Vec<String>| texts.join(",");
        match value {
            Value::Null => "null".to_owned(),
            Value::Bool(value) => value.to_string(),
            Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(whole), ..) => whole.to_string(),
                (_, Some(whole), _) => whole.to_string(),
                (.., float) => (self.float)(float.unwrap_or(f64::NAN)),
            },
            Value::String(text) => quoted(text),
            Value::Array(values) => format!("[{}]", list(self.all(values))),
            Value::Object(object) => {
                let member = |(name, value): (&String, &Value)| format!("{}:{}", quoted(name), self.json(value));
                format!("{{{}}}", list(object.iter().map(member).collect()))
            }
        }
    }

    fn all(self, values: &[Value]) -> Vec<String> {
        values.iter().map(|value| self.json(value)).collect()
    }
}

impl fmt::Debug for Texts<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Texts")
    }
}

/// A string as JSON.
fn quoted(text: &str) -> String {
    // A string can always be written.
    serde_json::to_string(text).unwrap_or_default()
}

/// The violations behind all errors of a value, without those that another one explains: interpreted and compiled
/// validation differ in which of these they add.
///
/// - Where a value is none of the constants it may be, its type goes without saying.
/// - A field with a mistake in it is not unknown.
pub fn all_violations<'e>(errors: impl Iterator<Item = ValidationError<'e>>, texts: Texts<'_>) -> Vec<Violation> {
    let mut found = Vec::new();
    errors.for_each(|error| report(&error, texts, &mut found));
    let explained = |violation: &Violation| match &*violation.rule {
        "type" => found.iter().any(|o| o.pointer == violation.pointer && matches!(&*o.rule, "enum" | "const")),
        "unevaluatedProperties" => found.iter().any(|other| {
            let below = other.pointer.strip_prefix(&violation.pointer);
            other.rule != violation.rule && below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
        }),
        _ => false,
    };
    found.iter().filter(|violation| !explained(violation)).cloned().collect()
}

/// Adds the violations behind one validation error, at least one.
fn report(error: &ValidationError<'_>, texts: Texts<'_>, found: &mut Vec<Violation>) {
    let pointer = error.instance_path().as_str();
    match error.kind() {
        Kind::Required { property } => {
            found.push(Violation::new(
                child(pointer, property.as_str().unwrap_or_default()),
                "required",
                "is required",
            ));
        }
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            let rule = error.kind().keyword().to_owned();
            let unknown = |name: &String| Violation::new(child(pointer, name), rule.clone(), "is not a known field");
            found.extend(unexpected.iter().map(unknown));
        }
        Kind::AnyOf { context } | Kind::OneOfNotValid { context } => alternatives(error, context, texts, found),
        Kind::PropertyNames { error: name } => {
            let pointer = child(pointer, name.instance().as_str().unwrap_or_default());
            let (rule, detail) = rule_and_detail(name.kind(), texts);
            found.push(Violation::new(pointer, rule, format!("has a name that {detail}")));
        }
        kind => {
            let (rule, detail) = rule_and_detail(kind, texts);
            found.push(match misnamed(error) {
                Some(name) => Violation::new(child(pointer, name), rule, format!("has a name that {detail}")),
                None => Violation::new(pointer, rule, detail),
            });
        }
    }
}

/// The field's name, where the error is about a name. Compiled validators report such an error bare, at the object.
fn misnamed<'e>(error: &'e ValidationError<'_>) -> Option<&'e str> {
    let path: Vec<&str> = error.schema_path().as_str().split('/').collect();
    let last = path.len().saturating_sub(1);
    let names = path[..last].iter().rposition(|segment| *segment == "propertyNames")?;
    if names > 0 && path[names - 1] == "properties" { None } else { error.instance().as_str() }
}

/// The keyword broken and what it wants.
fn rule_and_detail(kind: &Kind, texts: Texts<'_>) -> (String, String) {
    let detail = match kind {
        Kind::Type { kind } => return ("type".to_owned(), format!("must be {}", alternatives_of(&type_names(kind)))),
        Kind::Format { format } => match format.strip_prefix(PATTERN_FORMAT) {
            Some(pattern) => return ("pattern".to_owned(), must_match(pattern)),
            None => format!("must be a valid {format}"),
        },
        Kind::Pattern { pattern } => must_match(pattern),
        Kind::Constant { expected_value } => format!("must be {}", texts.json(expected_value)),
        Kind::Enum { options } => match options.as_array() {
            Some(options) => format!("must be {}", alternatives_of(&texts.all(options))),
            None => format!("must be {}", texts.json(options)),
        },
        Kind::Minimum { limit } => format!("must be at least {}", texts.json(limit)),
        Kind::Maximum { limit } => format!("must be at most {}", texts.json(limit)),
        Kind::ExclusiveMinimum { limit } => format!("must be more than {}", texts.json(limit)),
        Kind::ExclusiveMaximum { limit } => format!("must be less than {}", texts.json(limit)),
        Kind::MultipleOf { multiple_of } => format!("must be a multiple of {}", texts.divisor(*multiple_of)),
        Kind::MinLength { limit } => format!("must be at least {}", count(*limit, "character", "characters")),
        Kind::MaxLength { limit } => format!("must be at most {}", count(*limit, "character", "characters")),
        Kind::MinItems { limit } => format!("must have at least {}", count(*limit, "item", "items")),
        Kind::MaxItems { limit } => format!("must have at most {}", count(*limit, "item", "items")),
        Kind::MinProperties { limit } => format!("must have at least {}", count(*limit, "field", "fields")),
        Kind::MaxProperties { limit } => format!("must have at most {}", count(*limit, "field", "fields")),
        Kind::AdditionalItems { limit } => format!("must have at most {}", count(*limit as u64, "item", "items")),
        Kind::UnevaluatedItems { .. } => "has items that are not allowed".to_owned(),
        Kind::UniqueItems => "must not repeat an item".to_owned(),
        Kind::Contains => "lacks an item that is wanted".to_owned(),
        Kind::ContentEncoding { content_encoding } => format!("must be encoded as {content_encoding}"),
        Kind::FromUtf8 { .. } => "must be UTF-8 text once decoded".to_owned(),
        Kind::ContentMediaType { content_media_type } => format!("must be {content_media_type}"),
        Kind::OneOfMultipleValid { .. } => "fits more than one of the forms of which it may have one".to_owned(),
        Kind::Not { .. } => "has a form that is not allowed".to_owned(),
        Kind::FalseSchema => "is not allowed".to_owned(),
        Kind::Custom { message, .. } => message.clone(),
        // The engine gave up on a hostile value, or a reference could not be followed.
        _ => "could not be checked".to_owned(),
    };
    (kind.keyword().to_owned(), detail)
}

/// How far a branch of a `oneOf` or `anyOf` is from what came.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Distance {
    /// The form is right; something within is not.
    Within,
    /// A field of the object is missing or unknown.
    Fields,
    /// A field of the object has another constant value: the tag of another variant.
    Tag,
    /// It is of another type or another constant altogether.
    Form,
}

fn alternatives(
    error: &ValidationError<'_>,
    branches: &[Vec<ValidationError<'static>>],
    texts: Texts<'_>,
    found: &mut Vec<Violation>,
) {
    let pointer = error.instance_path().as_str();
    let distance = |branch: &Vec<ValidationError<'static>>| {
        branch.iter().map(|error| distance_of(error, pointer)).max().unwrap_or(Distance::Within)
    };
    let Some(nearest) = branches.iter().map(distance).min() else {
        found.push(Violation::new(pointer, error.kind().keyword().to_owned(), "matches none of the allowed forms"));
        return;
    };
    let near: Vec<_> = branches.iter().filter(|branch| distance(branch) == nearest).collect();
    if let [meant] = near[..] {
        meant.iter().for_each(|error| report(error, texts, found));
        return;
    }
    match nearest {
        Distance::Tag => wrong_tag(pointer, &near, texts, found),
        Distance::Form => found.push(wrong_form(pointer, &near, texts)),
        Distance::Fields | Distance::Within => {
            let shared = shared_by_all(&near, texts);
            if !shared.is_empty() {
                found.extend(shared);
            } else if let Some(meant) = only_smallest(&near) {
                meant.iter().for_each(|error| report(error, texts, found));
            } else {
                let rule = error.kind().keyword().to_owned();
                found.push(Violation::new(pointer, rule, "matches none of the allowed forms"));
            }
        }
    }
}

fn distance_of(error: &ValidationError<'_>, parent: &str) -> Distance {
    let below = error.instance_path().as_str().strip_prefix(parent).unwrap_or_default();
    let depth = below.bytes().filter(|byte| *byte == b'/').count();
    match (error.kind(), depth) {
        (Kind::Type { .. } | Kind::Constant { .. } | Kind::Enum { .. } | Kind::FalseSchema, 0) => Distance::Form,
        (Kind::Constant { .. }, 1) => Distance::Tag,
        (Kind::Required { .. } | Kind::AdditionalProperties { .. } | Kind::UnevaluatedProperties { .. }, 0) => {
            Distance::Fields
        }
        (Kind::AnyOf { context } | Kind::OneOfNotValid { context }, 0) => context
            .iter()
            .map(|branch| branch.iter().map(|error| distance_of(error, parent)).max().unwrap_or(Distance::Within))
            .min()
            .unwrap_or(Distance::Within),
        _ => Distance::Within,
    }
}

/// Reports the tags whose value is that of no variant, each once with the values it may have.
fn wrong_tag(parent: &str, branches: &[&Vec<ValidationError<'static>>], texts: Texts<'_>, found: &mut Vec<Violation>) {
    let mut tags: Vec<(String, Vec<String>)> = Vec::new();
    for error in branches.iter().flat_map(|branch| branch.iter()) {
        let Kind::Constant { expected_value } = error.kind() else { continue };
        if distance_of(error, parent) != Distance::Tag {
            continue;
        }
        let pointer = error.instance_path().as_str();
        let text = texts.json(expected_value);
        match tags.iter_mut().find(|(known, _)| known == pointer) {
            Some((_, values)) if values.contains(&text) => {}
            Some((_, values)) => values.push(text),
            None => tags.push((pointer.to_owned(), vec![text])),
        }
    }
    found.extend(
        tags.into_iter()
            .map(|(pointer, values)| Violation::new(pointer, "enum", format!("must be {}", alternatives_of(&values)))),
    );
}

/// Reports a value that is of no allowed type and none of the allowed constants.
fn wrong_form(pointer: &str, branches: &[&Vec<ValidationError<'static>>], texts: Texts<'_>) -> Violation {
    let mut wanted: Vec<String> = Vec::new();
    let mut constants_only = true;
    let mut add = |text: String| {
        if !wanted.contains(&text) {
            wanted.push(text);
        }
    };
    for branch in branches {
        let mut open: Vec<&ValidationError<'_>> = branch.iter().rev().collect();
        let (mut types, mut constants) = (Vec::new(), Vec::new());
        while let Some(error) = open.pop() {
            match error.kind() {
                _ if error.instance_path().as_str() != pointer => {}
                Kind::Type { kind } => types.extend(type_names(kind)),
                Kind::Constant { expected_value } => constants.push(texts.json(expected_value)),
                Kind::Enum { options } => constants.extend(texts.all(options.as_array().map_or(&[], Vec::as_slice))),
                Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
                    open.extend(context.iter().flatten().rev())
                }
                _ => {}
            }
        }
        constants_only &= !constants.is_empty();
        let form = if constants.is_empty() { types } else { constants };
        form.into_iter().for_each(&mut add);
    }
    Violation::new(
        pointer,
        if constants_only { "enum" } else { "type" },
        if wanted.is_empty() { "is not allowed".to_owned() } else { format!("must be {}", alternatives_of(&wanted)) },
    )
}

/// The violations that every branch has.
fn shared_by_all(branches: &[&Vec<ValidationError<'static>>], texts: Texts<'_>) -> Vec<Violation> {
    let reports: Vec<Vec<Violation>> = branches
        .iter()
        .map(|branch| {
            let mut found = Vec::new();
            branch.iter().for_each(|error| report(error, texts, &mut found));
            found
        })
        .collect();
    let Some((first, rest)) = reports.split_first() else { return Vec::new() };
    first.iter().filter(|violation| rest.iter().all(|report| report.contains(violation))).cloned().collect()
}

/// The branch with the fewest errors, when there is one such.
fn only_smallest<'b>(branches: &[&'b Vec<ValidationError<'static>>]) -> Option<&'b Vec<ValidationError<'static>>> {
    let fewest = branches.iter().map(|branch| branch.len()).min()?;
    let mut smallest = branches.iter().filter(|branch| branch.len() == fewest);
    match (smallest.next(), smallest.next()) {
        (Some(branch), None) => Some(branch),
        _ => None,
    }
}

fn must_match(pattern: &str) -> String {
    format!("must match the pattern {pattern}")
}

fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

fn type_names(kind: &TypeKind) -> Vec<String> {
    let name = |json: jsonschema::JsonType| {
        match json {
            jsonschema::JsonType::Array => "a list",
            jsonschema::JsonType::Boolean => "true or false",
            jsonschema::JsonType::Integer => "an integer",
            jsonschema::JsonType::Null => "null",
            jsonschema::JsonType::Number => "a number",
            jsonschema::JsonType::Object => "an object",
            jsonschema::JsonType::String => "a string",
        }
        .to_owned()
    };
    match kind {
        TypeKind::Single(json) => vec![name(*json)],
        TypeKind::Multiple(set) => set.iter().map(name).collect(),
    }
}

/// `a`, `a or b`, `a, b or c`.
fn alternatives_of(items: &[String]) -> String {
    match items {
        [] => "nothing".to_owned(),
        [one] => one.clone(),
        [head @ .., last] => format!("{} or {last}", head.join(", ")),
    }
}

/// The JSON Pointer of a field.
fn child(pointer: &str, name: &str) -> String {
    format!("{pointer}{}", json::pointer(name))
}

#[cfg(test)]
mod tests;
