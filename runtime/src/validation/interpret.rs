use super::{Contract, Decode, Field, Texts, all_violations};
use crate::{Function, Input as _, Violation, function::takes_nothing};
use pikku_manifest::Shape;
use serde_json::Value;
use std::{borrow::Cow, sync::Arc};

/// The contract of a function, interpreted from the schema of its input type.
///
/// # Panics
///
/// If the type's schema is not a JSON Schema, which only a hand-written `JsonSchema` can cause.
pub(crate) fn contract_of<F: Function>() -> Contract {
    if takes_nothing::<F>() {
        return Contract::nothing();
    }
    let schema = F::Input::schema().to_value();
    let fields = pikku_manifest::fields(&schema);
    let fields = fields.into_iter().map(|f| Field { name: Cow::Owned(f.name), decode: decode(&f.decode) }).collect();
    let validator = jsonschema::options()
        .should_validate_formats(true)
        .build(&schema)
        .unwrap_or_else(|error| panic!("the schema of the input of `{}` is not valid: {error}", F::NAME));
    let validate =
        move |value: &Value| -> Vec<Violation> { all_violations(validator.iter_errors(value), Texts::new(&float)) };
    Contract { fields: Cow::Owned(fields), validate: Some(Arc::new(validate)) }
}

/// The text of a floating-point number.
pub(crate) fn float(number: f64) -> String {
    Value::from(number).to_string()
}

fn decode(shape: &Shape) -> Decode {
    match shape {
        Shape::Text => Decode::Text,
        Shape::Integer => Decode::Integer,
        Shape::Number => Decode::Number,
        Shape::Boolean => Decode::Boolean,
        Shape::Json => Decode::Json,
        Shape::Any => Decode::Any,
        Shape::List(element) => Decode::ListOf(Box::new(decode(element))),
    }
}
