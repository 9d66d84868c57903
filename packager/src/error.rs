//! What can go wrong, as data: a code, a place, a reason and a fix, and the exit code that follows.
//!
//! A mistake in the app is a [`Finding`]; all of them are reported at once. Everything else is one [`Error`].

use pikku_manifest::Location;
use serde::Serialize;
use std::{fmt, io, path::PathBuf};

/// The exit codes of `cargo pikku`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// The command line, or the project it was run in, does not say what to do.
    Usage = 2,
    /// The app is wrong.
    App = 3,
    /// `cargo build` failed.
    Build = 4,
    /// A tool or a compilation target is missing.
    Tool = 5,
    /// A bundle is over its budget.
    Budget = 6,
    /// A bundle would not run on the platform.
    Platform = 7,
    /// A file could not be read or written.
    Io = 8,
    /// A mistake of `cargo pikku` itself.
    Bug = 70,
}

/// One mistake in the app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// The code that `cargo pikku explain` takes.
    pub(crate) code: &'static str,
    /// What is wrong.
    pub(crate) message: String,
    /// Where, if it is somewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) location: Option<Location>,
    /// What to do about it.
    pub(crate) hint: String,
}

impl Finding {
    pub(crate) fn new(
        code: &'static str,
        location: Option<&Location>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self { code, message: message.into(), location: location.cloned(), hint: hint.into() }
    }
}

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum Error {
    /// The app is wrong.
    App(Vec<Finding>),
    /// A group that the app does not have was asked for.
    UnknownGroup {
        /// The name given.
        name: String,
        /// The groups there are.
        known: Vec<String>,
    },
    /// `cargo metadata` failed.
    Metadata(cargo_metadata::Error),
    /// It is not clear which package is the app.
    Package {
        /// What was found instead.
        reason: String,
        /// What to do.
        hint: String,
    },
    /// `[package.metadata.pikku]` does not say what it should.
    Settings {
        /// The package's manifest.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// `cargo build` failed; the compiler has said why.
    Build {
        /// What was being built.
        what: String,
        /// What may be the reason, where the compiler's messages do not say it.
        hint: Option<String>,
    },
    /// The program that describes the app failed.
    Introspect {
        /// How.
        reason: String,
    },
    /// The app was built with a runtime whose manifest this packager does not know.
    ManifestVersion {
        /// The version found.
        found: u64,
    },
    /// The standard library of a target is not installed.
    MissingTarget {
        /// The target.
        triple: String,
    },
    /// No linker for the target was found.
    MissingLinker {
        /// The target.
        triple: String,
        /// What would do.
        hint: String,
    },
    /// Something that Cargo or Rust should bring could not be started.
    MissingProgram {
        /// Its name.
        program: String,
        /// The operating system's reason.
        source: io::Error,
    },
    /// wasm-bindgen of the app's version is not there, or it failed.
    WasmBindgen {
        /// What happened.
        reason: String,
        /// What to do.
        hint: String,
    },
    /// An option that belongs to another target.
    Option {
        /// The option.
        option: &'static str,
        /// The target it was given for.
        platform: &'static str,
    },
    /// The source of Rust's standard library is not installed.
    MissingSource {
        /// Where it would be.
        path: PathBuf,
    },
    /// wasm-opt failed.
    WasmOpt {
        /// The program.
        program: PathBuf,
        /// What it said.
        reason: String,
    },
    /// Bundles are over their budgets.
    Budget {
        /// The target, in whose settings the budgets are.
        target: &'static str,
        /// The bundles.
        breaches: Vec<crate::budget::Breach>,
    },
    /// A bundle is larger than the platform takes.
    TooLarge {
        /// The group.
        group: String,
        /// Its bytes.
        bytes: u64,
        /// The most there may be.
        limit: u64,
    },
    /// A bundle needs a newer C library than the platform has.
    Glibc {
        /// The group.
        group: String,
        /// The newest version needed.
        needed: String,
        /// The symbols that need a version newer than the platform's.
        symbols: Vec<String>,
    },
    /// A bundle needs a shared library that the platform does not have.
    SharedLibrary {
        /// The group.
        group: String,
        /// The library.
        library: String,
    },
    /// The event could not be handed to the bundle.
    Invoke(crate::invoke::InvokeError),
    /// The new app could not be made.
    New(crate::new::NewError),
    /// The function could not be called.
    Call(crate::call::CallError),
    /// The app cannot be served for development.
    Dev(crate::dev::DevError),
    /// A page was asked for that there is not.
    UnknownCode {
        /// The code given.
        code: String,
    },
    /// A file could not be read or written.
    Io {
        /// What was being done, such as `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// A mistake of `cargo pikku` itself.
    Bug {
        /// What happened.
        what: String,
    },
}

impl Error {
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }

    pub(crate) fn bug(what: impl fmt::Display) -> Self {
        Self::Bug { what: what.to_string() }
    }

    /// The exit code.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::App(_) | Self::ManifestVersion { .. } => Exit::App,
            Self::UnknownGroup { .. }
            | Self::Metadata(_)
            | Self::Package { .. }
            | Self::Settings { .. }
            | Self::Option { .. }
            | Self::UnknownCode { .. } => Exit::Usage,
            Self::Build { .. } | Self::Introspect { .. } => Exit::Build,
            Self::MissingTarget { .. }
            | Self::MissingLinker { .. }
            | Self::MissingProgram { .. }
            | Self::MissingSource { .. }
            | Self::WasmOpt { .. }
            | Self::WasmBindgen { .. } => Exit::Tool,
            Self::Budget { .. } => Exit::Budget,
            Self::Glibc { .. } | Self::SharedLibrary { .. } | Self::TooLarge { .. } => Exit::Platform,
            Self::Io { .. } => Exit::Io,
            Self::Invoke(why) => why.exit(),
            Self::New(why) => why.exit(),
            Self::Call(why) => why.exit(),
            Self::Dev(why) => why.exit(),
            Self::Bug { .. } => Exit::Bug,
        }
    }

    /// The code that `cargo pikku explain` takes; the findings of an app carry their own.
    pub(crate) fn code(&self) -> Option<&'static str> {
        Some(match self {
            Self::App(_) | Self::UnknownCode { .. } => return None,
            Self::Invoke(why) => why.code(),
            Self::New(why) => why.code(),
            Self::Call(why) => why.code(),
            Self::Dev(why) => why.code(),
            Self::UnknownGroup { .. } => "PK0003",
            Self::Metadata(_) => "PK1001",
            Self::Package { .. } => "PK1002",
            Self::Settings { .. } => "PK1003",
            Self::ManifestVersion { .. } => "PK1004",
            Self::Build { .. } => "PK2001",
            Self::Introspect { .. } => "PK2002",
            Self::MissingTarget { .. } => "PK3001",
            Self::MissingLinker { .. } => "PK3002",
            Self::MissingProgram { .. } => "PK3003",
            Self::WasmBindgen { .. } => "PK3004",
            Self::Option { .. } => "PK1005",
            Self::MissingSource { .. } => "PK3005",
            Self::WasmOpt { .. } => "PK3006",
            Self::Budget { .. } => "PK4001",
            Self::TooLarge { .. } => "PK5003",
            Self::Glibc { .. } => "PK5001",
            Self::SharedLibrary { .. } => "PK5002",
            Self::Io { .. } => "PK6001",
            Self::Bug { .. } => "PK9001",
        })
    }

    /// What to do about it, where there is something to say.
    pub(crate) fn hint(&self) -> Option<String> {
        Some(match self {
            Self::UnknownGroup { known, .. } => format!("the app's groups are: {}", known.join(", ")),
            Self::Metadata(_) => "run it in a Cargo package, or name one with --manifest-path".to_owned(),
            Self::Package { hint, .. } | Self::MissingLinker { hint, .. } | Self::WasmBindgen { hint, .. } => hint.clone(),
            Self::Settings { .. } => "see `cargo pikku explain PK1003` for the settings there are".to_owned(),
            Self::ManifestVersion { .. } => {
                "use the release of cargo-pikku that has the same version as the app's pikku".to_owned()
            }
            Self::Introspect { .. } => {
                "the app function must be `pub fn app<S: pikku::Selection>() -> pikku::App<S>`".to_owned()
            }
            Self::MissingTarget { triple } if triple == crate::toolchain::WASM => {
                format!("run `rustup target add {triple}`, or build it from its source with --build-std")
            }
            Self::MissingTarget { triple } => format!("run `rustup target add {triple}`"),
            Self::MissingSource { .. } => {
                "run `rustup component add rust-src` (on Debian: apt-get install rust-src)".to_owned()
            }
            Self::WasmOpt { .. } => {
                "run `npm install --save-dev binaryen` for a release that knows what the compiler emits, or package without it by \
                 setting WASM_OPT_BIN to nothing"
                    .to_owned()
            }
            Self::Option { .. } => "leave it away".to_owned(),
            Self::TooLarge { .. } => "split the group, or look at the crates in its proof file".to_owned(),
            Self::MissingProgram { .. } => "install Rust with rustup, or put the program on PATH".to_owned(),
            Self::Budget { target, .. } => format!(
                "shrink what is listed, or raise the group's budget in [package.metadata.pikku.{target}.budget]"
            ),
            Self::Glibc { .. } => "package with --libc musl, or install zig and cargo-zigbuild (`pip install ziglang \
                                   cargo-zigbuild`) and package with --libc gnu, which then links against the \
                                   platform's own version"
                .to_owned(),
            Self::SharedLibrary { .. } => "link it statically, for example with the crate's `vendored` or `bundled` \
                                           feature"
                .to_owned(),
            Self::Build { hint, .. } => return hint.clone(),
            Self::UnknownCode { .. } => "`cargo pikku explain` without a code lists all".to_owned(),
            Self::Bug { .. } => "please report it with the command line and the app's manifest".to_owned(),
            Self::Invoke(why) => return why.hint(),
            Self::New(why) => return why.hint(),
            Self::Call(why) => return why.hint(),
            Self::Dev(why) => why.hint(),
            Self::App(_) | Self::Io { .. } => {
                return None;
            }
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::App(findings) => match findings.len() {
                1 => f.write_str("the app has a mistake"),
                many => write!(f, "the app has {many} mistakes"),
            },
            Self::UnknownGroup { name, .. } => write!(f, "the app has no group `{name}`"),
            Self::Metadata(_) => f.write_str("Cargo could not describe the project"),
            Self::Package { reason, .. } | Self::WasmBindgen { reason, .. } => f.write_str(reason),
            Self::Settings { path, reason } => write!(f, "{}: {reason}", path.display()),
            Self::Build { what, .. } => write!(f, "{what} did not build"),
            Self::Introspect { reason } => write!(f, "the app could not be asked for its manifest: {reason}"),
            Self::ManifestVersion { found } => write!(
                f,
                "the app's manifest has version {found}, and this packager reads version {}",
                pikku_manifest::MANIFEST_VERSION
            ),
            Self::MissingTarget { triple } => write!(f, "Rust's standard library for {triple} is not installed"),
            Self::MissingLinker { triple, .. } => write!(f, "no linker for {triple} was found"),
            Self::MissingProgram { program, .. } => write!(f, "`{program}` could not be started"),
            Self::Option { option, platform } => write!(f, "`{option}` has no meaning for `--target {platform}`"),
            Self::MissingSource { path } => {
                write!(
                    f,
                    "the source of Rust's standard library, which --build-std builds, is not at {}",
                    path.display()
                )
            }
            Self::WasmOpt { program, reason } => write!(f, "{} failed: {reason}", program.display()),
            Self::TooLarge { group, bytes, limit } => {
                write!(f, "the bundle of group `{group}` has {bytes} bytes, and the platform takes {limit}")
            }
            Self::Budget { breaches, .. } => match breaches.len() {
                1 => f.write_str("a bundle is over its budget"),
                many => write!(f, "{many} bundles are over their budgets"),
            },
            Self::Glibc { group, needed, symbols } => write!(
                f,
                "the bundle of group `{group}` needs GLIBC {needed}, and the platform has 2.34 (asked for by {})",
                symbols.join(", ")
            ),
            Self::SharedLibrary { group, library } => {
                write!(f, "the bundle of group `{group}` needs the shared library {library}, which the platform lacks")
            }
            Self::Invoke(why) => why.fmt(f),
            Self::New(why) => why.fmt(f),
            Self::Call(why) => why.fmt(f),
            Self::Dev(why) => why.fmt(f),
            Self::UnknownCode { code } => write!(f, "there is no page for `{code}`"),
            Self::Io { action, path, .. } => write!(f, "could not {action} {}", path.display()),
            Self::Bug { what } => write!(f, "cargo-pikku made a mistake: {what}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Metadata(source) => Some(source),
            Self::Invoke(why) => why.source(),
            Self::New(why) => why.source(),
            Self::Call(why) => why.source(),
            Self::Dev(why) => why.source(),
            Self::Io { source, .. } | Self::MissingProgram { source, .. } => Some(source),
            _ => None,
        }
    }
}
