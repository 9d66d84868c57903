//! The build profiles of bundles, in one table.

use crate::cli::Platform;
use clap::ValueEnum;
use std::{collections::BTreeSet, fmt::Write as _};

/// What a bundle is optimised for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Profile {
    /// The fewest bytes
    Small,
    /// Few bytes and few instructions per event
    Balanced,
    /// The fewest instructions per event
    Fast,
}

/// How much of a bundle is optimised across its crates while it is linked.
///
/// Fat is the default: with less a bundle is larger and slower, and takes as long to build or longer, at every level
/// (`benches/README.md`, "Build profiles").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Lto {
    /// All crates as one
    #[default]
    Fat,
    /// Each crate with what it takes from others
    Thin,
    /// Each crate for itself
    Off,
}

/// How Cargo builds a profile.
#[derive(Debug)]
struct Settings {
    opt_level: &'static str,
    lto: &'static str,
    codegen_units: u32,
    panic: &'static str,
}

impl Lto {
    /// As it is typed, and as Cargo takes it. Cargo's `false` would still optimise across the parts of one crate; its
    /// `"off"` does nothing.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fat => "fat",
            Self::Thin => "thin",
            Self::Off => "off",
        }
    }
}

impl Profile {
    /// The profile where none is asked for. A Worker's bytes are sent to and compiled at every place that runs it, so
    /// they count for more there; those of a server are started once.
    pub(crate) fn default_of(platform: Platform) -> Self {
        match platform {
            Platform::Lambda | Platform::Azure => Self::Balanced,
            Platform::Cloudflare => Self::Small,
            Platform::Server => Self::Fast,
        }
    }

    /// A panic unwinds on Lambda, on Azure and on a server: one bad event must not cost the process, and with it a cold start or every
    /// other request. Stable Rust cannot
    /// unwind on wasm, where the JavaScript around the bundle starts a new instance.
    fn settings(self, lto: Lto, platform: Platform) -> Settings {
        let opt_level = match self {
            Self::Small => "\"z\"",
            Self::Balanced => "\"s\"",
            Self::Fast => "3",
        };
        let panic = match platform {
            Platform::Lambda | Platform::Azure | Platform::Server => "unwind",
            Platform::Cloudflare => "abort",
        };
        Settings { opt_level, lto: lto.name(), codegen_units: 1, panic }
    }

    /// The profile's name as it is typed.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Balanced => "balanced",
            Self::Fast => "fast",
        }
    }

    /// The `[profile.release]` of the generated workspace, which may have compiled validators, and these features of the
    /// adapter. Symbols stay until the proof has read them.
    pub(crate) fn manifest(self, lto: Lto, platform: Platform, validates: bool, features: &BTreeSet<&str>) -> String {
        let Settings { opt_level, lto, codegen_units, panic } = self.settings(lto, platform);
        let mut text = String::from("[profile.release]\n");
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "opt-level = {opt_level}\nlto = \"{lto}\"\ncodegen-units = {codegen_units}");
        let _ = writeln!(text, "panic = \"{panic}\"\nincremental = false\ndebug = false\nstrip = \"none\"");
        // Procedural macros run once each: building them fast matters more than their running fast.
        text.push_str("\n[profile.release.build-override]\nopt-level = 0\ncodegen-units = 16\n");
        if self == Self::Small && validates {
            // As text a number is compared only where it is none of what JSON's numbers are. Level `z` does not see that
            // this never happens, and keeps what writes floating-point numbers: 2 kB of a Worker as it is sent.
            text.push_str(&small(&["jsonschema", "jsonschema-value"]));
        }
        if self == Self::Fast && platform == Platform::Server && features.contains("sqlite") {
            // Most of the C code is never run, but what lies near what is run is in memory with it: 0.6 MB of a shop's peak.
            // A query that lists products takes 3% more instructions for it, one that finds a product by its key 1%.
            text.push_str(&small(&["libsqlite3-sys"]));
        }
        text
    }
}

/// The tables of packages that are built for few bytes. Cargo warns of a package that is not there.
fn small(packages: &[&str]) -> String {
    let of = |package| format!("\n[profile.release.package.{package}]\nopt-level = \"s\"\n");
    packages.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_in_the_workspace() {
        let offered = |platform| {
            let of_profile = |profile: &Profile| {
                Lto::value_variants().iter().map(|lto| settings(*profile, *lto, platform)).collect::<Vec<_>>()
            };
            Profile::value_variants().iter().flat_map(of_profile).collect::<Vec<_>>().join("\n")
        };
        let lambda = offered(Platform::Lambda);
        insta::assert_snapshot!(lambda, @r#"
        small fat: "z" "fat" 1 "unwind"
        small thin: "z" "thin" 1 "unwind"
        small off: "z" "off" 1 "unwind"
        balanced fat: "s" "fat" 1 "unwind"
        balanced thin: "s" "thin" 1 "unwind"
        balanced off: "s" "off" 1 "unwind"
        fast fat: 3 "fat" 1 "unwind"
        fast thin: 3 "thin" 1 "unwind"
        fast off: 3 "off" 1 "unwind"
        "#);
        assert_eq!(offered(Platform::Cloudflare), lambda.replace("unwind", "abort"));
    }

    #[test]
    fn a_fast_server_has_a_small_sqlite() {
        let packages = |profile: Profile, platform, features: &[&'static str]| {
            let features = features.iter().copied().collect();
            let manifest: toml::Table = profile.manifest(Lto::Fat, platform, false, &features).parse().unwrap();
            manifest["profile"]["release"].get("package").map(ToString::to_string)
        };
        let found = packages(Profile::Fast, Platform::Server, &["schedules", "sqlite"]);
        assert_eq!(found.as_deref(), Some(r#"{ libsqlite3-sys = { opt-level = "s" } }"#));
        // Where there is none, Cargo would warn; the others have it already, or it is not theirs.
        assert_eq!(packages(Profile::Fast, Platform::Server, &["schedules", "postgres"]), None);
        assert_eq!(packages(Profile::Balanced, Platform::Server, &["sqlite"]), None);
        assert_eq!(packages(Profile::Fast, Platform::Lambda, &["sqs"]), None);
    }

    /// What is typed for a profile, and what Cargo then finds.
    fn settings(profile: Profile, lto: Lto, platform: Platform) -> String {
        let manifest: toml::Table = profile.manifest(lto, platform, false, &BTreeSet::new()).parse().unwrap();
        let release = &manifest["profile"]["release"];
        let found = ["opt-level", "lto", "codegen-units", "panic"].map(|name| release[name].to_string());
        let typed =
            [profile.to_possible_value(), lto.to_possible_value()].map(|value| value.unwrap().get_name().to_owned());
        assert_eq!(typed, [profile.name(), lto.name()]);
        format!("{}: {}", typed.join(" "), found.join(" "))
    }
}
