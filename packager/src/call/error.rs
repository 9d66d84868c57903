use super::NEAR;
use crate::error::Exit;
use pikku_manifest::Manifest;
use std::{fmt, process::ExitStatus};

/// Why a function was not called. That it failed is its answer.
#[derive(Debug)]
pub(crate) enum CallError {
    /// The app has no function of that name.
    Unknown {
        /// The name given.
        function: String,
        /// Those that are near, or all.
        known: Vec<String>,
    },
    /// What was typed is no JSON.
    Json {
        /// What it is for.
        what: &'static str,
        /// Why not.
        reason: String,
    },
    /// The process that called it was ended by a signal.
    Crashed {
        /// How it ended.
        status: ExitStatus,
    },
}

impl CallError {
    /// A name that the app does not have.
    pub(super) fn unknown(function: &str, manifest: &Manifest) -> Self {
        let mut near: Vec<(f64, &str)> = manifest
            .functions
            .iter()
            .map(|known| (strsim::jaro_winkler(function, &known.name), known.name.as_str()))
            .collect();
        near.sort_by(|a, b| b.0.total_cmp(&a.0));
        let alike: Vec<String> =
            near.iter().filter(|(alike, _)| *alike >= NEAR).take(3).map(|(_, name)| (*name).to_owned()).collect();
        Self::Unknown { function: function.to_owned(), known: alike }
    }

    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Unknown { .. } | Self::Json { .. } => Exit::Usage,
            Self::Crashed { .. } => Exit::App,
        }
    }

    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "PK8304",
            Self::Json { .. } => "PK8305",
            Self::Crashed { .. } => "PK8306",
        }
    }

    pub(crate) fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Unknown { known, .. } if known.is_empty() => "`cargo pikku call --list` lists all".to_owned(),
            Self::Unknown { known, .. } => {
                let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
                format!("is it {}? `cargo pikku call --list` lists all", known.join(" or "))
            }
            Self::Json { .. } => {
                "quote it for the shell, as in '{\"name\": \"Ada\"}', or give it as @FILE or on stdin with -".to_owned()
            }
            Self::Crashed { .. } => "what it wrote before says why".to_owned(),
        })
    }

    /// What caused it, where that is not in the message.
    pub(crate) fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        None
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { function, .. } => write!(f, "the app has no function `{function}`"),
            Self::Json { what, reason } => write!(f, "the {what} is no JSON: {reason}"),
            Self::Crashed { status } => write!(f, "the app ended while the function was called: {status}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_named() {
        let function = |name: &str| {
            serde_json::json!({"name": name, "module": "m", "location": {"file": "f", "line": 1}, "errors": [],
                               "services": [], "session": "none"})
        };
        let functions = ["place_order", "get_order", "nightly"].map(function);
        let manifest = serde_json::from_value(serde_json::json!({
            "manifest_version": 1, "groups": [], "services": [], "functions": functions,
        }))
        .unwrap();
        let hint = |name| CallError::unknown(name, &manifest).hint().unwrap();
        assert_eq!(hint("nightli"), "is it `nightly`? `cargo pikku call --list` lists all");
        assert!(hint("place_ordr").starts_with("is it `place_order` or `get_order`?"));
        assert_eq!(hint("zzz"), "`cargo pikku call --list` lists all");
    }
}
