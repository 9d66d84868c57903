//! The build profiles of bundles, in one table.

use crate::cli::Platform;
use clap::ValueEnum;
use std::fmt::Write as _;

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

/// How Cargo builds a profile.
#[derive(Debug)]
struct Settings {
    opt_level: &'static str,
    lto: &'static str,
    codegen_units: u32,
    panic: &'static str,
}

impl Profile {
    /// The profile where none is asked for. A Worker's bytes are sent to and compiled at every place that runs it, so
    /// they count for more there.
    pub(crate) fn default_of(platform: Platform) -> Self {
        match platform {
            Platform::Lambda => Self::Balanced,
            Platform::Cloudflare => Self::Small,
        }
    }

    /// Each links as a whole (`lto = "fat"`): with thin link-time optimisation or none a bundle is larger and slower and
    /// takes as long to build or longer, at every level (`benches/README.md`, "Build profiles"), so neither is offered.
    ///
    /// A panic unwinds on Lambda: one bad event must not cost the process, and with it a cold start. Stable Rust cannot
    /// unwind on wasm, where the JavaScript around the bundle starts a new instance.
    fn settings(self, platform: Platform) -> Settings {
        let opt_level = match self {
            Self::Small => "\"z\"",
            Self::Balanced => "\"s\"",
            Self::Fast => "3",
        };
        let panic = match platform {
            Platform::Lambda => "unwind",
            Platform::Cloudflare => "abort",
        };
        Settings { opt_level, lto: "\"fat\"", codegen_units: 1, panic }
    }

    /// The profile's name as it is typed.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Balanced => "balanced",
            Self::Fast => "fast",
        }
    }

    /// The `[profile.release]` of the generated workspace. Symbols stay until the proof has read them.
    pub(crate) fn manifest(self, platform: Platform) -> String {
        let Settings { opt_level, lto, codegen_units, panic } = self.settings(platform);
        let mut text = String::from("[profile.release]\n");
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "opt-level = {opt_level}\nlto = {lto}\ncodegen-units = {codegen_units}");
        let _ = writeln!(text, "panic = \"{panic}\"\nincremental = false\ndebug = false\nstrip = \"none\"");
        // Procedural macros run once each: building them fast matters more than their running fast.
        text.push_str("\n[profile.release.build-override]\nopt-level = 0\ncodegen-units = 16\n");
        text
    }
}
