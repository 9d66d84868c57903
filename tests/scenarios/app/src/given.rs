//! Inputs, given back as they were understood.

use pikku::Problem;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An input from every source that HTTP has.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Merged {
    /// From the path.
    #[schemars(range(min = 1))]
    id: u64,
    /// From the header `X-Tenant`.
    #[schemars(length(min = 2, max = 12))]
    tenant: String,
    /// From the cookie `theme`.
    #[serde(default)]
    theme: Theme,
    /// From the query.
    #[schemars(range(min = 1, max = 100))]
    #[serde(default = "twenty")]
    limit: u32,
    /// From the query.
    #[serde(default)]
    tag: Vec<String>,
    /// From the body.
    #[schemars(length(max = 40))]
    #[serde(default)]
    note: Option<String>,
    /// From the body.
    #[serde(default)]
    lines: Vec<Line>,
}

/// A part of an input.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Line {
    #[schemars(regex(pattern = r"^[A-Z]{2,4}-[0-9]{1,6}$"))]
    sku: String,
    #[schemars(range(min = 1, max = 1000))]
    quantity: u32,
}

/// One of a few.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Theme {
    /// The default.
    #[default]
    Light,
    /// The other.
    Dark,
}

fn twenty() -> u32 {
    20
}

/// Gives back what came from everywhere.
#[pikku::function(public)]
pub async fn merge(merged: Merged) -> Result<Merged, Problem> {
    Ok(merged)
}

/// A value of each type. What did not come is not given back.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct Typed {
    #[serde(skip_serializing_if = "Option::is_none")]
    whole: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    small: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    big: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    real: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    yes: Option<bool>,
    #[schemars(length(max = 5))]
    #[serde(skip_serializing_if = "Option::is_none")]
    short: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[schemars(extend("format" = "date"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    day: Option<String>,
    #[schemars(extend("format" = "date-time"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    moment: Option<String>,
    #[schemars(email)]
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[schemars(extend("format" = "uuid"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    uuid: Option<String>,
    #[schemars(extend("uniqueItems" = true), length(max = 3))]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    few: Vec<i32>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    counts: BTreeMap<String, i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shape: Option<Shape>,
    #[serde(skip_serializing_if = "Option::is_none")]
    any: Option<serde_json::Value>,
}

/// One of two forms, told apart by a tag.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Shape {
    /// A circle.
    Circle {
        /// Its radius.
        radius: f64,
    },
    /// A rectangle.
    Rectangle {
        /// Its width.
        width: u32,
        /// Its height.
        height: u32,
    },
}

/// Gives back the values that came.
#[pikku::function(public)]
pub async fn typed(typed: Typed) -> Result<Typed, Problem> {
    Ok(typed)
}

/// Gives back a list.
#[pikku::function(public)]
pub async fn typed_list(list: Vec<u32>) -> Result<Vec<u32>, Problem> {
    Ok(list)
}

/// What to look for, all of it from the query.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Search {
    #[serde(default)]
    tag: Vec<String>,
    #[schemars(range(min = 1, max = 50))]
    #[serde(default = "one")]
    page: u32,
    #[serde(default)]
    exact: bool,
    #[serde(default)]
    ratio: Option<f64>,
    #[serde(default)]
    text: Option<String>,
}

fn one() -> u32 {
    1
}

/// What is looked for.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SearchedFor {
    tags: usize,
    first: Option<String>,
    last: Option<String>,
    page: u32,
    exact: bool,
    ratio: Option<f64>,
    text: Option<String>,
}

/// Says what is looked for.
#[pikku::function(public)]
pub async fn search(search: Search) -> Result<SearchedFor, Problem> {
    Ok(SearchedFor {
        tags: search.tag.len(),
        first: search.tag.first().cloned(),
        last: search.tag.last().cloned(),
        page: search.page,
        exact: search.exact,
        ratio: search.ratio,
        text: search.text,
    })
}

/// A segment of a path.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
pub struct Segment {
    name: String,
}

/// Gives back a segment.
#[pikku::function(public)]
pub async fn segment(segment: Segment) -> Result<Segment, Problem> {
    Ok(segment)
}

/// The rest of a path.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
pub struct Rest {
    rest: String,
}

/// Gives back the rest of a path.
#[pikku::function(public)]
pub async fn rest(rest: Rest) -> Result<Rest, Problem> {
    Ok(rest)
}

/// Takes nothing and answers.
#[pikku::function(public)]
pub async fn greeting() -> Result<String, Problem> {
    Ok("hello, wörld \u{1f980}".to_owned())
}

/// Takes something and answers with a status of the route.
#[pikku::function(public)]
pub async fn created(segment: Segment) -> Result<Segment, Problem> {
    Ok(segment)
}

/// Takes nothing and answers nothing.
#[pikku::function(public)]
pub async fn nothing() -> Result<(), Problem> {
    Ok(())
}
