//! The build profiles of bundles, in one table.

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
    pub(crate) const DEFAULT: Self = Self::Balanced;

    /// A panic unwinds in every profile: one bad event must not cost the process, and with it a cold start.
    fn settings(self) -> Settings {
        match self {
            Self::Small => Settings { opt_level: "\"z\"", lto: "\"fat\"", codegen_units: 1, panic: "unwind" },
            Self::Balanced => Settings { opt_level: "\"s\"", lto: "\"fat\"", codegen_units: 1, panic: "unwind" },
            Self::Fast => Settings { opt_level: "3", lto: "\"fat\"", codegen_units: 1, panic: "unwind" },
        }
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
    pub(crate) fn manifest(self) -> String {
        let Settings { opt_level, lto, codegen_units, panic } = self.settings();
        let mut text = String::from("[profile.release]\n");
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "opt-level = {opt_level}\nlto = {lto}\ncodegen-units = {codegen_units}");
        let _ = writeln!(text, "panic = \"{panic}\"\nincremental = false\ndebug = false\nstrip = \"none\"");
        // Procedural macros run once each: building them fast matters more than their running fast.
        text.push_str("\n[profile.release.build-override]\nopt-level = 0\ncodegen-units = 16\n");
        text
    }
}
