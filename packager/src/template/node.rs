//! The tree a template is built as, and its YAML.
//!
//! Maps keep the order in which they were filled, so that the same manifest gives the same bytes. CloudFormation's
//! functions are written in their long form (`Fn::GetAtt` and not `!GetAtt`), which is plain YAML.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_saphyr::{FlowSeq, SingleQuoted};

/// A value of the template.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    Text(String),
    Number(i64),
    Flag(bool),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

impl Node {
    /// The tree as a YAML document.
    pub(super) fn to_yaml(&self) -> Result<String, serde_saphyr::ser::Error> {
        // Folded blocks would make the line breaks of long strings depend on their words; each string keeps its line.
        let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
        serde_saphyr::to_string_with_options(self, options)
    }

    /// Shows every entry of every map in the tree.
    #[cfg(test)]
    pub(super) fn walk<'n>(&'n self, visit: &mut impl FnMut(&'n str, &'n Node)) {
        match self {
            Self::Map(entries) => {
                for (key, value) in entries {
                    visit(key, value);
                    value.walk(visit);
                }
            }
            Self::List(items) => items.iter().for_each(|item| item.walk(visit)),
            Self::Text(_) | Self::Number(_) | Self::Flag(_) => {}
        }
    }
}

impl From<&str> for Node {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Node {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u32> for Node {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl From<bool> for Node {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<Vec<Node>> for Node {
    fn from(items: Vec<Node>) -> Self {
        Self::List(items)
    }
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            // JSON reads better without a backslash before each of its quotes.
            Self::Text(text) if text.contains('"') && !text.contains(['\'', '\n']) => {
                SingleQuoted(text.as_str()).serialize(serializer)
            }
            Self::Text(text) => serializer.serialize_str(text),
            Self::Number(number) => serializer.serialize_i64(*number),
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::List(items) => serializer.collect_seq(items),
            Self::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    match value {
                        Self::List(names) if key == "Fn::GetAtt" => map.serialize_entry(key, &FlowSeq(names))?,
                        value => map.serialize_entry(key, value)?,
                    }
                }
                map.end()
            }
        }
    }
}

/// A map of the given entries, in their order.
pub(super) fn map<const N: usize>(entries: [(&str, Node); N]) -> Node {
    Node::Map(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

/// A list of the given values.
pub(super) fn list<T: Into<Node>>(items: impl IntoIterator<Item = T>) -> Node {
    Node::List(items.into_iter().map(Into::into).collect())
}

/// What `Ref` gives for a resource, a parameter or a pseudo parameter.
pub(super) fn reference(name: &str) -> Node {
    map([("Ref", name.into())])
}

/// An attribute of a resource.
pub(super) fn attribute(resource: &str, attribute: &str) -> Node {
    map([("Fn::GetAtt", list([resource, attribute]))])
}

/// The piece of `value` at `index` once it is cut at each `separator`.
pub(super) fn piece(value: Node, separator: &str, index: u32) -> Node {
    map([(
        "Fn::Select",
        Node::List(vec![index.into(), map([("Fn::Split", Node::List(vec![separator.into(), value]))])]),
    )])
}

/// A text with values of the deployed stack in it: what `Fn::Sub` takes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Text {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Literal(String),
    /// A name or `Name.Attribute` that `Fn::Sub` resolves by itself.
    Name(String),
    /// A value that is handed to `Fn::Sub` under a name.
    Value(String, Node),
}

impl Text {
    /// A text without any value.
    pub(super) fn literal(text: impl Into<String>) -> Self {
        Self { parts: vec![Part::Literal(text.into())] }
    }

    /// The value of a resource, of a parameter, or of `Resource.Attribute`.
    pub(super) fn name(name: impl Into<String>) -> Self {
        Self { parts: vec![Part::Name(name.into())] }
    }

    /// Any value, under a name that is used for this value alone.
    pub(super) fn value(name: impl Into<String>, value: Node) -> Self {
        Self { parts: vec![Part::Value(name.into(), value)] }
    }

    /// This text, followed by `text`.
    pub(super) fn then(mut self, text: Self) -> Self {
        self.parts.extend(text.parts);
        self
    }

    /// This text, followed by the literal.
    pub(super) fn then_literal(self, text: impl Into<String>) -> Self {
        self.then(Self::literal(text))
    }

    /// This text, followed by the value of a name.
    pub(super) fn then_name(self, name: impl Into<String>) -> Self {
        self.then(Self::name(name))
    }

    /// How long the text is when each value in it is `value` bytes long.
    pub(super) fn length(&self, value: usize) -> usize {
        self.parts.iter().map(|part| if let Part::Literal(text) = part { text.len() } else { value }).sum()
    }

    /// The value for the template: a plain text where nothing is to be filled in, the value itself where there is
    /// nothing around it, and `Fn::Sub` otherwise.
    pub(super) fn into_node(self) -> Node {
        if let [Part::Name(name)] = self.parts.as_slice() {
            return match name.split_once('.') {
                Some((resource, name)) => attribute(resource, name),
                None => reference(name),
            };
        }
        if let [Part::Value(_, value)] = self.parts.as_slice() {
            return value.clone();
        }
        if self.parts.iter().all(|part| matches!(part, Part::Literal(_))) {
            return Node::Text(
                self.parts.iter().map(|p| if let Part::Literal(t) = p { t.as_str() } else { "" }).collect(),
            );
        }
        let mut template = String::new();
        let mut values: Vec<(String, Node)> = Vec::new();
        for part in self.parts {
            match part {
                Part::Literal(text) => template.push_str(&text.replace("${", "${!")),
                Part::Name(name) => template.push_str(&format!("${{{name}}}")),
                Part::Value(name, value) => {
                    template.push_str(&format!("${{{name}}}"));
                    if !values.iter().any(|(known, _)| *known == name) {
                        values.push((name, value));
                    }
                }
            }
        }
        if values.is_empty() {
            map([("Fn::Sub", template.into())])
        } else {
            map([("Fn::Sub", Node::List(vec![template.into(), Node::Map(values)]))])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_takes_the_shortest_form() {
        assert_eq!(Text::literal("plain ${x}").into_node(), "plain ${x}".into());
        assert_eq!(Text::name("Queue").into_node(), reference("Queue"));
        assert_eq!(Text::name("Queue.Arn").into_node(), attribute("Queue", "Arn"));
        assert_eq!(
            Text::literal("a ${literal} ").then_name("Queue.QueueName").into_node(),
            map([("Fn::Sub", "a ${!literal} ${Queue.QueueName}".into())])
        );
    }

    #[test]
    fn text_hands_each_value_over_once() {
        let value = || Text::value("Stack", reference("AWS::StackId"));
        let node = Text::literal("a-").then(value()).then_literal("-b-").then(value()).into_node();
        let expected = map([(
            "Fn::Sub",
            Node::List(vec!["a-${Stack}-b-${Stack}".into(), map([("Stack", reference("AWS::StackId"))])]),
        )]);
        assert_eq!(node, expected);
    }

    #[test]
    fn strings_that_yaml_would_read_otherwise_are_quoted() {
        let texts = [
            "2010-09-09",
            "yes",
            "on",
            "012",
            "1e3",
            "null",
            "~",
            "0 3 * * *",
            "*",
            "a: b",
            "# no",
            "",
            "2.0",
            "12:30:45",
        ];
        let yaml = Node::List(texts.map(Node::from).to_vec()).to_yaml().expect("a list is YAML");
        let expected = "- \"2010-09-09\"\n- \"yes\"\n- \"on\"\n- \"012\"\n- \"1e3\"\n- \"null\"\n- \"~\"\n- 0 3 * * *\n- \"*\"\n- \"a: b\"\n- \"# no\"\n- \"\"\n- \"2.0\"\n- \"12:30:45\"\n";
        assert_eq!(yaml, expected);
    }
}
