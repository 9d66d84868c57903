//! The report: what was packaged, how large it is and of what it consists.

use crate::{
    output::{bytes, table},
    proof::Proof,
};
use serde::Serialize;

/// How many of the largest crates stand in the report.
const LISTED_CRATES: usize = 30;

/// `report.json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Report {
    /// The version of this form.
    pub(crate) report_version: u32,
    /// The platform.
    pub(crate) platform: &'static str,
    /// The processor.
    pub(crate) arch: &'static str,
    /// The compiler target.
    pub(crate) target: String,
    /// The build profile.
    pub(crate) profile: &'static str,
    /// The bundles in the order the app declares their groups.
    pub(crate) groups: Vec<GroupReport>,
}

/// What is known of one bundle.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct GroupReport {
    /// The group.
    pub(crate) group: String,
    /// The bytes of the bootstrap.
    pub(crate) bytes: u64,
    /// The bytes of the zip.
    pub(crate) zip_bytes: u64,
    /// The SHA-256 of the bootstrap.
    pub(crate) sha256: String,
    /// The SHA-256 of the zip.
    pub(crate) zip_sha256: String,
    /// The most bytes the bootstrap may have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) budget_bytes: Option<u64>,
    /// The functions in it.
    pub(crate) functions: Vec<String>,
    /// The services in it.
    pub(crate) services: Vec<String>,
    /// What happens before the first event.
    pub(crate) init: Init,
    /// The crates with the most bytes, largest first.
    pub(crate) crates: Vec<Share>,
    /// The bytes that no symbol names: constants, tables for unwinding, headers.
    pub(crate) unnamed_bytes: u64,
    /// What the author should know.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) notes: Vec<String>,
}

/// What a bundle does before its first event.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Init {
    /// The services that are built.
    pub(crate) services: Vec<String>,
}

/// A crate's part of a bundle.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Share {
    /// The crate.
    pub(crate) name: String,
    /// Its bytes.
    pub(crate) bytes: u64,
    /// Its part of the bootstrap, in percent.
    pub(crate) percent: f64,
}

/// A proof's crates by size, largest first.
pub(crate) fn by_size(proof: &Proof) -> Vec<(String, u64)> {
    let mut crates: Vec<(String, u64)> = proof.crates.iter().map(|(name, bytes)| (name.clone(), *bytes)).collect();
    crates.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    crates
}

/// The largest crates with their shares of a program.
pub(crate) fn shares(crates: &[(String, u64)], total: u64) -> Vec<Share> {
    let percent = |bytes: u64| (bytes as f64 * 1000.0 / total.max(1) as f64).round() / 10.0;
    crates
        .iter()
        .take(LISTED_CRATES)
        .map(|(name, bytes)| Share { name: name.clone(), bytes: *bytes, percent: percent(*bytes) })
        .collect()
}

impl Report {
    /// The table at the end of a package run.
    pub(crate) fn table(&self) -> String {
        let rows: Vec<Vec<String>> = self
            .groups
            .iter()
            .map(|group| {
                vec![
                    group.group.clone(),
                    group.functions.len().to_string(),
                    group.services.len().to_string(),
                    bytes(group.bytes),
                    bytes(group.zip_bytes),
                    group.budget_bytes.map_or_else(|| "-".to_owned(), bytes),
                    group.sha256[..12].to_owned(),
                ]
            })
            .collect();
        table(&["group", "functions", "services", "size", "zip", "budget", "sha-256"], 1, &rows)
    }
}
