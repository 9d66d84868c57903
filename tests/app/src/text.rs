//! A function that can be built with one more call in it, and with C code.

use pikku::Problem;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A text.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Text {
    text: String,
}

/// How long a text is.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Count {
    words: usize,
    /// The SHA-256 of the text.
    #[cfg(feature = "c-code")]
    sha256: String,
}

/// Counts the words of a text.
#[pikku::function(public)]
pub async fn count(text: Text) -> Result<Count, Problem> {
    Ok(Count {
        words: words(&text.text)?,
        #[cfg(feature = "c-code")]
        sha256: sha256(&text.text),
    })
}

#[cfg(feature = "c-code")]
fn sha256(text: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(not(feature = "one-more-call"))]
fn words(text: &str) -> Result<usize, Problem> {
    Ok(text.split_whitespace().count())
}

#[cfg(feature = "one-more-call")]
fn words(text: &str) -> Result<usize, Problem> {
    let word = regex_lite::Regex::new(r"[^\s]+").map_err(|why| Problem::internal(why.to_string()))?;
    Ok(word.find_iter(text).count())
}
