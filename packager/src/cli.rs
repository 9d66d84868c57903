//! The command line as it is typed. [`crate::plan`] resolves it.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  the function answered with an error (call, invoke)
  2  the command line or the project does not say what to do
  3  the app is wrong (see the PK code)
  4  cargo build failed
  5  a tool or a compilation target is missing
  6  a bundle is over its budget
  7  a bundle would not run on the platform
  8  a file could not be read or written
  70 a mistake of cargo-pikku itself";

/// Packages a Pikku app: one minimal bundle per group of functions, with its deployment files.
#[derive(Debug, Parser)]
#[command(name = "cargo pikku", bin_name = "cargo pikku", version, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a new app in a folder of its own
    New(crate::new::NewArgs),
    /// Serve the app while it is written: build, run, watch, reload
    Dev(crate::dev::DevArgs),
    /// Call one function of the app
    Call(crate::call::CallArgs),
    /// Build a bundle per group, with template, report and proof
    #[command(after_help = "\
Examples:
  cargo pikku package --target lambda
  cargo pikku package --target lambda --group orders --arch arm64
  cargo pikku package --target lambda --profile fast --json > packaged.json
  cargo pikku package --target lambda --profile small --lto thin
  cargo pikku package --target cloudflare
  cargo pikku package --target azure
  cargo pikku package --target server

The bundles are written to target/pikku/<target>, with <group>.proof.json, manifest.json and report.json; for Lambda
<group>/bootstrap, <group>.zip and template.yaml, for Cloudflare <group>/ with worker.mjs, glue.mjs, bundle.wasm and
wrangler.jsonc, which `wrangler deploy` takes as it is; for Azure <group>/ with handler, host.json and a function.json for each
function, the same as <group>.zip, and main.bicep; for a server one program of all groups, named after the app, with
Dockerfile, <app>.service and <app>.env.")]
    Package(PackageArgs),
    /// Run a group's bundle locally on one event
    Invoke(crate::invoke::InvokeArgs),
    /// Print the app's manifest as JSON
    #[command(after_help = "\
Examples:
  cargo pikku manifest
  cargo pikku manifest --manifest-path shop/Cargo.toml > manifest.json")]
    Manifest(ManifestArgs),
    /// Print who may call what
    #[command(after_help = "\
Examples:
  cargo pikku permissions
  cargo pikku permissions --json > permissions.json")]
    Permissions(AccessArgs),
    /// Print which secrets each function reads, and through what
    #[command(after_help = "\
Examples:
  cargo pikku secrets
  cargo pikku secrets --variables
  cargo pikku secrets --json > secrets.json")]
    Secrets(SecretsArgs),
    /// Print how functions are reached
    #[command(after_help = "\
Examples:
  cargo pikku routes
  cargo pikku routes --middleware")]
    Routes(RoutesArgs),
    /// Explain an error code
    #[command(after_help = "\
Examples:
  cargo pikku explain PK0202
  cargo pikku explain")]
    Explain {
        /// The code, such as PK0202; without it, all codes are listed
        code: Option<String>,
    },
    /// Print a completion script for a shell
    #[command(after_help = "\
Example:
  cargo pikku completions bash > ~/.local/share/bash-completion/completions/cargo-pikku")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Which app.
#[derive(Clone, Debug, Args)]
pub(crate) struct ProjectArgs {
    /// The package of the app, if there are several
    #[arg(short, long, value_name = "NAME")]
    pub(crate) package: Option<String>,
    /// Path of the app's Cargo.toml
    #[arg(long, value_name = "PATH")]
    pub(crate) manifest_path: Option<PathBuf>,
    /// Features of the app to switch on
    #[arg(short = 'F', long, value_name = "FEATURES", value_delimiter = ',')]
    pub(crate) features: Vec<String>,
    /// Leave out the app's default features
    #[arg(long)]
    pub(crate) no_default_features: bool,
    /// Refuse to go on if Cargo.lock is missing or out of date
    #[arg(long)]
    pub(crate) locked: bool,
    /// Do not use the network
    #[arg(long)]
    pub(crate) offline: bool,
}

/// The arguments of `package`.
#[derive(Clone, Debug, Args)]
pub(crate) struct PackageArgs {
    /// The platform to package for
    #[arg(long, value_enum)]
    pub(crate) target: Platform,
    /// Only this group; may be repeated
    #[arg(short, long = "group", value_name = "GROUP")]
    pub(crate) groups: Vec<String>,
    /// The processor to build for (Lambda, server; Azure has x86_64 alone) [default: x86_64]
    #[arg(long, value_enum)]
    pub(crate) arch: Option<Arch>,
    /// The C library (Lambda, Azure, server): GLIBC as on the platform (gnu, through zig where it is found), or a static one (musl)
    /// [default: gnu where it can be linked; for a server musl where it can]
    #[arg(long, value_enum)]
    pub(crate) libc: Option<Libc>,
    /// Build Rust's standard library from its source (Cloudflare)
    #[arg(long)]
    pub(crate) build_std: bool,
    /// What to optimise for [default: balanced for Lambda and Azure, small for Cloudflare, fast for a
    /// server]
    #[arg(long, value_enum)]
    pub(crate) profile: Option<Profile>,
    /// What is optimised across crates while a bundle is linked
    #[arg(long, value_enum, default_value_t)]
    pub(crate) lto: Lto,
    /// Where to write [default: <target directory>/pikku/<target>]
    #[arg(short, long, value_name = "DIR")]
    pub(crate) out_dir: Option<PathBuf>,
    /// Print the report as JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub(crate) settings: crate::settings::SettingsArgs,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub(crate) project: ProjectArgs,
}

/// The arguments of `manifest`.
#[derive(Clone, Debug, Args)]
pub(crate) struct ManifestArgs {
    /// Print the JSON Schema that every manifest follows instead
    #[arg(long)]
    pub(crate) schema: bool,

    #[command(flatten)]
    #[allow(missing_docs)]
    pub(crate) project: ProjectArgs,
}

/// The arguments of `permissions`.
#[derive(Clone, Debug, Args)]
pub(crate) struct AccessArgs {
    /// Print JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    #[allow(missing_docs)]
    pub(crate) project: ProjectArgs,
}

/// The arguments of `secrets`.
#[derive(Clone, Debug, Args)]
pub(crate) struct SecretsArgs {
    /// Print parameters and environment variables too
    #[arg(long)]
    pub(crate) variables: bool,
    /// Print JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    #[allow(missing_docs)]
    pub(crate) project: ProjectArgs,
}

/// The arguments of `routes`.
#[derive(Clone, Debug, Args)]
pub(crate) struct RoutesArgs {
    /// Print what stands around each function too, in the order in which a call meets it
    #[arg(long)]
    pub(crate) middleware: bool,
    /// Print JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    #[allow(missing_docs)]
    pub(crate) project: ProjectArgs,
}

/// A platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Platform {
    /// AWS Lambda, runtime provided.al2023
    Lambda,
    /// Cloudflare Workers
    Cloudflare,
    /// Azure Functions, custom handlers on the Flex Consumption plan
    Azure,
    /// A plain server: one program of all groups
    Server,
}

impl Platform {
    /// The platform's name as it is typed.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Lambda => "lambda",
            Self::Cloudflare => "cloudflare",
            Self::Azure => "azure",
            Self::Server => "server",
        }
    }
}

/// A processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Arch {
    /// 64-bit x86
    #[value(name = "x86_64")]
    X86_64,
    /// 64-bit Arm (Graviton)
    Arm64,
}

/// A C library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Libc {
    /// The platform's own
    Gnu,
    /// A static one
    Musl,
}

pub(crate) use crate::profile::{Lto, Profile};
