//! The report: what was packaged, how large it is and of what it consists.

use crate::{
    output::{bytes, table},
    proof::Proof,
};
use pikku_manifest::{Group, Lifetime, Manifest, Reads};
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
    /// The optimisation across crates.
    pub(crate) lto: &'static str,
    /// The bundles in the order the app declares their groups.
    pub(crate) groups: Vec<GroupReport>,
    /// The commands that make what a deployment needs and does not make itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) setup: Vec<String>,
}

/// What is known of one bundle.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct GroupReport {
    /// The group; of a server, the app.
    pub(crate) group: String,
    /// What is deployed.
    #[serde(flatten)]
    pub(crate) artefact: Artefact,
    /// The most bytes it may have: of the program on Lambda and Azure, of the gzipped whole on Cloudflare.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) budget_bytes: Option<u64>,
    /// The functions in it.
    pub(crate) functions: Vec<String>,
    /// The services in it.
    pub(crate) services: Vec<String>,
    /// The names of the secrets, parameters and variables that it reads.
    #[serde(skip_serializing_if = "Reads::is_nothing")]
    pub(crate) reads: Reads,
    /// What happens before the first event.
    pub(crate) init: Init,
    /// The crates with the most bytes, largest first.
    pub(crate) crates: Vec<Share>,
    /// The bytes of the program that no symbol names: constants, tables for unwinding, headers.
    pub(crate) unnamed_bytes: u64,
    /// What the author should know.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) notes: Vec<String>,
}

/// What of a bundle is deployed, as its platform has it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub(crate) enum Artefact {
    /// A bootstrap in a zip.
    Lambda {
        /// The bytes of the bootstrap.
        bytes: u64,
        /// The bytes of the zip.
        zip_bytes: u64,
        /// The SHA-256 of the bootstrap.
        sha256: String,
        /// The SHA-256 of the zip.
        zip_sha256: String,
    },
    /// A custom handler in a zip, with what the Functions host reads of it.
    Azure {
        /// The bytes of the program.
        bytes: u64,
        /// The bytes of the zip.
        zip_bytes: u64,
        /// The SHA-256 of the program.
        sha256: String,
        /// The SHA-256 of the zip.
        zip_sha256: String,
        /// The names of the functions that the host calls, which are those of their folders.
        host_functions: Vec<String>,
    },
    /// A program of several groups.
    Server {
        /// The groups in it.
        groups: Vec<String>,
        /// The bytes of the program.
        bytes: u64,
        /// The SHA-256 of the program.
        sha256: String,
    },
    /// A module of WebAssembly and the JavaScript around it.
    Cloudflare {
        /// The bytes of the wasm.
        bytes: u64,
        /// The bytes of the JavaScript.
        js_bytes: u64,
        /// The same gzipped: the wasm, the JavaScript, and both.
        gzip: Gzipped,
        /// The SHA-256 of the wasm.
        sha256: String,
        /// The SHA-256 of the JavaScript: of `worker.mjs`, `glue.mjs` and what it imports, one after another.
        js_sha256: String,
        /// Whether wasm-opt has made the wasm smaller.
        wasm_opt: WasmOpt,
    },
}

/// Bytes when gzipped at level 9, each file for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Gzipped {
    /// Of the wasm.
    pub(crate) wasm_bytes: u64,
    /// Of the JavaScript.
    pub(crate) js_bytes: u64,
    /// Of both.
    pub(crate) total_bytes: u64,
}

/// What wasm-opt did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WasmOpt {
    /// It ran, in this version.
    Ran(String),
    /// It was not found, or switched off.
    NotRun(&'static str),
}

/// What a bundle does before its first event.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Init {
    /// The services that are built.
    pub(crate) services: Vec<String>,
    /// How long that may take, in milliseconds; the local Lambda ends a start that takes longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) budget_ms: Option<u32>,
}

impl Init {
    pub(crate) fn of(manifest: &Manifest, group: &Group) -> Self {
        let services = manifest.services_of(group).into_iter();
        let services = services.filter(|service| service.lifetime == Lifetime::Singleton);
        Self { services: services.map(|service| service.name.clone()).collect(), budget_ms: None }
    }
}

/// A crate's part of a bundle.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Share {
    /// The crate.
    pub(crate) name: String,
    /// Its bytes.
    pub(crate) bytes: u64,
    /// Its part of the program, in percent.
    pub(crate) percent: f64,
}

/// A proof's crates by size, largest first.
pub(crate) fn by_size(proof: &Proof) -> Vec<(String, u64)> {
    let mut crates: Vec<(String, u64)> = proof.crates.iter().map(|(name, bytes)| (name.clone(), *bytes)).collect();
    crates.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    crates
}

/// The largest crates with their shares of a program.
fn shares(crates: &[(String, u64)], total: u64) -> Vec<Share> {
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
        let sizes = match self.groups.first().map(|group| &group.artefact) {
            Some(Artefact::Cloudflare { .. }) => ["wasm", "js", "gzip"].as_slice(),
            Some(Artefact::Server { .. }) => &["size"],
            _ => &["size", "zip"],
        };
        let header = [&["group", "functions", "services"], sizes, &["budget", "sha-256"]].concat();
        let rows: Vec<Vec<String>> = self.groups.iter().map(GroupReport::row).collect();
        table(&header, 1, &rows)
    }
}

impl GroupReport {
    /// What is known of a bundle, by its proof; `crates` are its crates by size.
    pub(crate) fn new(
        manifest: &Manifest,
        group: &Group,
        artefact: Artefact,
        proof: &Proof,
        crates: &[(String, u64)],
        budget_bytes: Option<u64>,
        notes: Vec<String>,
    ) -> Self {
        let bytes = match &artefact {
            Artefact::Lambda { bytes, .. }
            | Artefact::Azure { bytes, .. }
            | Artefact::Cloudflare { bytes, .. }
            | Artefact::Server { bytes, .. } => *bytes,
        };
        Self {
            group: group.name.clone(),
            artefact,
            budget_bytes,
            functions: proof.functions.found.clone(),
            services: proof.services.found.clone(),
            reads: manifest.reads_of(group),
            init: Init::of(manifest, group),
            unnamed_bytes: bytes.saturating_sub(crates.iter().map(|(_, bytes)| bytes).sum()),
            crates: shares(crates, bytes),
            notes,
        }
    }

    fn row(&self) -> Vec<String> {
        let mut row = vec![self.group.clone(), self.functions.len().to_string(), self.services.len().to_string()];
        let budget = self.budget_bytes.map_or_else(|| "-".to_owned(), bytes);
        let hash = match &self.artefact {
            Artefact::Lambda { bytes: size, zip_bytes, sha256, .. }
            | Artefact::Azure { bytes: size, zip_bytes, sha256, .. } => {
                row.extend([bytes(*size), bytes(*zip_bytes), budget]);
                sha256
            }
            Artefact::Server { bytes: size, sha256, .. } => {
                row.extend([bytes(*size), budget]);
                sha256
            }
            Artefact::Cloudflare { bytes: size, js_bytes, gzip, sha256, .. } => {
                row.extend([bytes(*size), bytes(*js_bytes), bytes(gzip.total_bytes), budget]);
                sha256
            }
        };
        row.push(hash[..12].to_owned());
        row
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(artefact: Artefact) -> Report {
        let group = GroupReport {
            group: "orders".to_owned(),
            artefact,
            budget_bytes: Some(90_000),
            functions: vec!["place_order".to_owned()],
            services: vec![],
            reads: Reads { secrets: vec!["session-keys".to_owned()], ..Reads::default() },
            init: Init { services: vec![], budget_ms: Some(500) },
            crates: shares(&[("shop".to_owned(), 500)], 1_000),
            unnamed_bytes: 500,
            notes: vec![],
        };
        Report {
            report_version: 1,
            platform: "p",
            arch: "a",
            target: "t".to_owned(),
            profile: "small",
            lto: "fat",
            groups: vec![group],
            setup: vec![],
        }
    }

    #[test]
    fn each_platform_has_its_columns() {
        let hash = "0123456789abcdef".to_owned();
        let gzip = Gzipped { wasm_bytes: 30_000, js_bytes: 2_000, total_bytes: 32_000 };
        let wasm_opt = WasmOpt::Ran("version 132".to_owned());
        let cloudflare = report(Artefact::Cloudflare {
            bytes: 80_000,
            js_bytes: 9_000,
            gzip,
            sha256: hash.clone(),
            js_sha256: hash.clone(),
            wasm_opt,
        });
        let server = report(Artefact::Server { groups: vec![], bytes: 3_000_000, sha256: hash.clone() });
        let lambda =
            report(Artefact::Lambda { bytes: 800_000, zip_bytes: 400_000, sha256: hash.clone(), zip_sha256: hash });
        insta::assert_snapshot!(cloudflare.table() + &lambda.table() + &server.table(), @"
        group   functions  services     wasm      js     gzip   budget       sha-256
        orders          1         0  80.0 kB  9.0 kB  32.0 kB  90.0 kB  0123456789ab
        group   functions  services      size       zip   budget       sha-256
        orders          1         0  800.0 kB  400.0 kB  90.0 kB  0123456789ab
        group   functions  services     size   budget       sha-256
        orders          1         0  3.00 MB  90.0 kB  0123456789ab
        ");
        let json = serde_json::to_value(&cloudflare).unwrap();
        assert_eq!(json["groups"][0]["wasm_opt"]["ran"], "version 132");
        assert_eq!(json["groups"][0]["gzip"]["total_bytes"], 32_000);
        assert_eq!(json["groups"][0]["crates"][0]["percent"], 50.0);
        assert_eq!(json["groups"][0]["reads"]["secrets"][0], "session-keys");
    }
}
