//! The stack while it is built: what it holds so far, and what went wrong.
//!
//! Problems are collected and not returned one by one, so that an author sees all of them at once.

use super::error::{Notice, Place, Problem, TemplateError, TemplateWarning};
use super::node::{Node, map};
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub(super) struct Stack {
    parameters: BTreeMap<String, Node>,
    resources: Vec<(String, Node)>,
    outputs: Vec<(String, Node)>,
    /// What each logical id of the template stands for, in words.
    owners: BTreeMap<String, String>,
    pub(super) errors: Vec<TemplateError>,
    pub(super) warnings: Vec<TemplateWarning>,
}

impl Stack {
    /// Takes a logical id for `what`. Answers whether it is the first to ask; another owner is an error.
    fn claim(&mut self, id: &str, what: &str, place: &Place) -> bool {
        match self.owners.get(id) {
            None => {
                self.owners.insert(id.to_owned(), what.to_owned());
                true
            }
            Some(first) if first == what => false,
            Some(first) => {
                let problem = Problem::LogicalId { id: id.to_owned(), first: first.clone(), second: what.to_owned() };
                self.error(place, problem);
                false
            }
        }
    }

    /// Adds a resource, unless it is there already.
    pub(super) fn resource(&mut self, id: &str, what: &str, place: &Place, resource: Node) {
        if self.claim(id, what, place) {
            self.resources.push((id.to_owned(), resource));
        }
    }

    /// Adds a parameter, unless it is there already, and answers its id.
    pub(super) fn parameter(&mut self, id: String, what: &str, place: &Place, parameter: Node) -> String {
        if self.claim(&id, what, place) {
            self.parameters.insert(id.clone(), parameter);
        }
        id
    }

    /// Adds an output. Outputs have logical ids of their own.
    pub(super) fn output(&mut self, id: &str, description: &str, value: Node) {
        let output = map([("Description", description.into()), ("Value", value)]);
        if self.outputs.iter().all(|(known, _)| known != id) {
            self.outputs.push((id.to_owned(), output));
        }
    }

    /// Records a problem, once.
    pub(super) fn error(&mut self, place: &Place, problem: Problem) {
        let error = TemplateError { place: place.clone(), problem };
        if !self.errors.contains(&error) {
            self.errors.push(error);
        }
    }

    pub(super) fn warn(&mut self, place: &Place, notice: Notice) {
        self.warnings.push(TemplateWarning { place: place.clone(), notice });
    }

    /// Records a property's value that AWS does not take.
    pub(super) fn limit(
        &mut self,
        place: &Place,
        name: &'static str,
        value: u32,
        allowed: std::ops::RangeInclusive<u32>,
    ) {
        if !allowed.contains(&value) {
            let allowed = match (allowed.start(), allowed.end()) {
                (start, end) if start == end => start.to_string(),
                (start, &u32::MAX) => format!("{start} or more"),
                (start, end) => format!("{start} to {end}"),
            };
            self.error(place, Problem::Property { name, value, allowed });
        }
    }

    /// The whole template.
    pub(super) fn into_template(self, description: String) -> Node {
        let mut sections = vec![
            ("AWSTemplateFormatVersion".to_owned(), Node::from("2010-09-09")),
            ("Transform".to_owned(), "AWS::Serverless-2016-10-31".into()),
            ("Description".to_owned(), description.into()),
        ];
        if !self.parameters.is_empty() {
            sections.push(("Parameters".to_owned(), Node::Map(self.parameters.into_iter().collect())));
        }
        sections.push(("Resources".to_owned(), Node::Map(self.resources)));
        sections.push(("Outputs".to_owned(), Node::Map(self.outputs)));
        Node::Map(sections)
    }
}

/// The part of a logical id that stands for a name: its letters and digits, each word with a capital.
pub(super) fn pascal(name: &str) -> String {
    name.split(|c: char| !c.is_ascii_alphanumeric())
        .map(|word| {
            let shouted = word.len() > 1 && word.bytes().all(|byte| !byte.is_ascii_lowercase());
            let (first, rest) = word.split_at(usize::from(!word.is_empty()));
            first.to_ascii_uppercase() + &if shouted { rest.to_ascii_lowercase() } else { rest.to_owned() }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::pascal;

    #[test]
    fn logical_ids_are_readable() {
        for (name, id) in [
            ("orders-placed", "OrdersPlaced"),
            ("DATABASE_URL", "DatabaseUrl"),
            ("/shop/db.password", "ShopDbPassword"),
            ("ordersPlaced", "OrdersPlaced"),
            ("a", "A"),
            ("v2", "V2"),
            ("é", ""),
        ] {
            assert_eq!(pascal(name), id);
        }
    }
}
