use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, de::Error as _};
use std::{borrow::Cow, fmt};
use subtle::ConstantTimeEq;

/// A value that is not shown: a password, a key, a token.
///
/// - `Debug` gives `Secret(…)`. There is no `Display` and no `Serialize`, so what would print it or answer with it does not
///   compile.
/// - `==` takes the same time wherever two secrets differ; only whether their lengths differ can be told from it.
/// - It is read from JSON, for an input that has one, and its schema says that it is only written (`writeOnly`). What is wrong
///   with it is told without it.
///
/// ```
/// use pikku::Secret;
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// struct LogIn { name: String, password: Secret<String> }
///
/// let input: LogIn = serde_json::from_str(r#"{"name": "ada", "password": "hunter2"}"#).unwrap();
/// assert_eq!(format!("{:?}", input.password), "Secret(…)");
/// assert!(input.password == Secret::new("hunter2".to_owned()));
/// assert_eq!(input.password.expose(), "hunter2");
/// ```
///
/// ```compile_fail,E0277
/// println!("{}", pikku::Secret::new("hunter2"));
/// ```
///
/// ```compile_fail,E0277
/// serde_json::to_string(&pikku::Secret::new("hunter2")).unwrap();
/// ```
#[derive(Clone, Default)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Keeps a value from being shown.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value. Whoever takes it sees to it that it is not shown.
    pub const fn expose(&self) -> &T {
        &self.0
    }

    /// The value itself.
    pub fn into_exposed(self) -> T {
        self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

impl<T: AsRef<[u8]>, U: AsRef<[u8]>> PartialEq<Secret<U>> for Secret<T> {
    fn eq(&self, other: &Secret<U>) -> bool {
        self.0.as_ref().ct_eq(other.0.as_ref()).into()
    }
}

impl<T: AsRef<[u8]>> Eq for Secret<T> {}

impl<T> From<T> for Secret<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Secret<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // What is wrong may be told with the value, as serde does.
        T::deserialize(deserializer).map(Self).map_err(|_| D::Error::custom("a secret of another type"))
    }
}

impl<T: JsonSchema> JsonSchema for Secret<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Secret_{}", T::schema_name()).into()
    }

    fn schema_id() -> Cow<'static, str> {
        format!("pikku::Secret<{}>", T::schema_id()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = T::json_schema(generator);
        schema.insert("writeOnly".to_owned(), true.into());
        schema
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, Deserialize)]
    #[allow(dead_code)]
    struct Settings {
        password: Secret<String>,
        pin: Option<Secret<u32>>,
    }

    #[test]
    fn nothing_prints_it() {
        let settings = Settings { password: "hunter2".to_owned().into(), pin: Some(Secret::new(7_351)) };
        for text in
            [format!("{settings:?}"), format!("{settings:#?}"), format!("{:?}", Secret::new(["hunter2", "7351"]))]
        {
            assert!(!text.contains("hunter2") && !text.contains("7351"), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_with_it_is_told_without_it() {
        for json in [r#"{"password": 7351}"#, r#"{"password": "", "pin": "hunter2"}"#, r#"{"password": ["hunter2"]}"#] {
            let error = serde_json::from_str::<Settings>(json).unwrap_err().to_string();
            assert!(!error.contains("hunter2") && !error.contains("7351"), "{error}");
        }
    }

    #[test]
    fn secrets_are_compared_whole() {
        let secret = Secret::new("hunter2".to_owned());
        assert!(secret == Secret::new("hunter2") && secret == Secret::new(b"hunter2".to_vec()));
        for other in ["", "hunter", "hunter3", "hunter22", "iunter2"] {
            assert!(secret != Secret::new(other), "{other}");
        }
    }

    #[test]
    fn its_schema_is_that_of_the_value_and_only_written() {
        let schema = schemars::schema_for!(Secret<String>);
        assert_eq!((schema.get("type"), schema.get("writeOnly")), (Some(&"string".into()), Some(&true.into())));
    }
}
