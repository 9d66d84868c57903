//! Bicep as it is written: values, parameters, resources.
//!
//! What is filled in keeps its order, so that the same app gives the same bytes.

use std::fmt::Write as _;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// A text as it is.
    Text(String),
    /// An expression of the language.
    Raw(String),
    Number(u32),
    Flag(bool),
    List(Vec<Value>),
    Object(Vec<(String, Value)>),
    /// The JSON of an object, as one text.
    Json(Vec<(String, Value)>),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

/// An expression.
pub(crate) fn raw(expression: impl Into<String>) -> Value {
    Value::Raw(expression.into())
}

/// An object of the given members.
pub(crate) fn object<K: Into<String>>(members: impl IntoIterator<Item = (K, Value)>) -> Value {
    Value::Object(members.into_iter().map(|(key, value)| (key.into(), value)).collect())
}

/// A list of texts.
pub(crate) fn texts<T: Into<String>>(items: impl IntoIterator<Item = T>) -> Value {
    Value::List(items.into_iter().map(|item| Value::Text(item.into())).collect())
}

impl Value {
    fn write(&self, depth: usize, out: &mut String) {
        let pad = "  ".repeat(depth + 1);
        match self {
            Self::Text(text) => quote(text, out),
            Self::Raw(expression) => out.push_str(expression),
            // Writing to a `String` cannot fail.
            Self::Number(number) => drop(write!(out, "{number}")),
            Self::Flag(flag) => drop(write!(out, "{flag}")),
            Self::List(items) if items.is_empty() => out.push_str("[]"),
            Self::Object(members) if members.is_empty() => out.push_str("{}"),
            Self::List(items) => {
                out.push_str("[\n");
                for item in items {
                    out.push_str(&pad);
                    item.write(depth + 1, out);
                    out.push('\n');
                }
                out.push_str(&pad[2..]);
                out.push(']');
            }
            Self::Json(members) => {
                out.push_str("string(");
                Self::Object(members.clone()).write(depth, out);
                out.push(')');
            }
            Self::Object(members) => {
                out.push_str("{\n");
                for (key, value) in members {
                    out.push_str(&pad);
                    if is_identifier(key) {
                        out.push_str(key)
                    } else {
                        quote(key, out)
                    }
                    out.push_str(": ");
                    value.write(depth + 1, out);
                    out.push('\n');
                }
                out.push_str(&pad[2..]);
                out.push('}');
            }
        }
    }
}

fn is_identifier(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn quote(text: &str, out: &mut String) {
    out.push('\'');
    out.push_str(&escaped(text));
    out.push('\'');
}

/// A text as it stands between quotes.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\'' => out.push_str("\\'"),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => drop(write!(out, "\\u{{{:x}}}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.replace("${", "\\${")
}

/// A file of Bicep.
#[derive(Debug, Default)]
pub(crate) struct Document {
    parameters: Vec<Parameter>,
    variables: Vec<(String, Value)>,
    resources: Vec<Resource>,
    outputs: Vec<(String, String, Value)>,
}

#[derive(Debug)]
struct Parameter {
    name: String,
    kind: &'static str,
    description: String,
    secure: bool,
    default: Option<Value>,
}

/// A resource.
#[derive(Debug)]
pub(crate) struct Resource {
    pub(crate) symbol: String,
    /// The type, with the version of its interface.
    pub(crate) kind: &'static str,
    /// Whether it is there already and only named.
    pub(crate) existing: bool,
    /// The condition under which it is made.
    pub(crate) condition: Option<&'static str>,
    pub(crate) body: Vec<(&'static str, Value)>,
}

impl Resource {
    pub(crate) fn new(symbol: impl Into<String>, kind: &'static str, body: Vec<(&'static str, Value)>) -> Self {
        Self { symbol: symbol.into(), kind, existing: false, condition: None, body }
    }

    pub(crate) fn existing(self) -> Self {
        Self { existing: true, ..self }
    }

    pub(crate) fn when(self, condition: &'static str) -> Self {
        Self { condition: Some(condition), ..self }
    }
}

impl Document {
    /// Adds a parameter, unless it is there.
    pub(crate) fn parameter(&mut self, name: &str, kind: &'static str, description: String, default: Option<Value>) {
        self.add_parameter(Parameter { name: name.to_owned(), kind, description, secure: false, default });
    }

    /// Adds a text that does not stand in the records of a deployment, unless it is there.
    pub(crate) fn secret(&mut self, name: &str, description: String) {
        self.add_parameter(Parameter {
            name: name.to_owned(),
            kind: "string",
            description,
            secure: true,
            default: None,
        });
    }

    fn add_parameter(&mut self, parameter: Parameter) {
        if self.parameters.iter().all(|known| known.name != parameter.name) {
            self.parameters.push(parameter);
        }
    }

    pub(crate) fn variable(&mut self, name: &str, value: Value) {
        self.variables.push((name.to_owned(), value));
    }

    /// Adds a resource, unless it is there.
    pub(crate) fn resource(&mut self, resource: Resource) {
        if self.resources.iter().all(|known| known.symbol != resource.symbol) {
            self.resources.push(resource);
        }
    }

    pub(crate) fn output(&mut self, name: String, description: String, value: Value) {
        self.outputs.push((name, description, value));
    }

    /// The text, after lines of comment.
    pub(crate) fn render(&self, comments: &[String]) -> String {
        let mut out = comments.iter().fold(String::new(), |out, line| out + "// " + line + "\n");
        for Parameter { name, kind, description, secure, default } in &self.parameters {
            out.push('\n');
            let _ = writeln!(out, "@description('{}')", escaped(description));
            out.push_str(if *secure { "@secure()\n" } else { "" });
            let _ = write!(out, "param {name} {kind}");
            if let Some(default) = default {
                out.push_str(" = ");
                default.write(0, &mut out);
            }
            out.push('\n');
        }
        out.push('\n');
        for (name, value) in &self.variables {
            let _ = write!(out, "var {name} = ");
            value.write(0, &mut out);
            out.push('\n');
        }
        for Resource { symbol, kind, existing, condition, body } in &self.resources {
            let existing = if *existing { "existing " } else { "" };
            let condition = condition.map(|condition| format!("if ({condition}) ")).unwrap_or_default();
            let _ = write!(out, "\nresource {symbol} '{kind}' {existing}= {condition}");
            object(body.clone()).write(0, &mut out);
            out.push('\n');
        }
        for (name, description, value) in &self.outputs {
            let _ = write!(out, "\n@description('{}')\noutput {name} string = ", escaped(description));
            value.write(0, &mut out);
            out.push('\n');
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_reads_well() {
        let mut document = Document::default();
        document.parameter("location", "string", "Where it's".to_owned(), Some(raw("resourceGroup().location")));
        document.secret("key", "The key".to_owned());
        document.secret("key", "The key again".to_owned());
        document.variable("suffix", raw("uniqueString(resourceGroup().id)"));
        let properties = object([("a", 1_u32.into()), ("b-c", true.into()), ("none", Value::List(vec![]))]);
        let body = vec![("name", "x ${literal} 'y' \\".into()), ("properties", properties), ("tags", texts(["one"]))];
        document.resource(Resource::new("thing", "A/b@1", body).when("events"));
        document.resource(Resource::new("other", "A/c@1", vec![("name", raw("'${suffix}'"))]).existing());
        document.output("host".to_owned(), "Where".to_owned(), raw("thing.name"));
        insta::assert_snapshot!(document.render(&["A note".to_owned()]), @r"
        // A note

        @description('Where it\'s')
        param location string = resourceGroup().location

        @description('The key')
        @secure()
        param key string

        var suffix = uniqueString(resourceGroup().id)

        resource thing 'A/b@1' = if (events) {
          name: 'x \${literal} \'y\' \\'
          properties: {
            a: 1
            'b-c': true
            none: []
          }
          tags: [
            'one'
          ]
        }

        resource other 'A/c@1' existing = {
          name: '${suffix}'
        }

        @description('Where')
        output host string = thing.name
        ");
    }
}
