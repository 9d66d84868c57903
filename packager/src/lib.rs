//! The packager: `cargo pikku` builds one minimal bundle per group of an app's functions, with its deployment files.
//!
//! A run goes through these modules in order: `cli` is what was typed, `project` what Cargo knows of the app,
//! `introspect` asks the app for its manifest, `check` finds what is wrong with it, `entry` and `contracts` write
//! the bundles' entry crates into a `workspace`, `build` compiles them all at once, `lambda` (with `elf`, `archive` and
//! `template`), `cloudflare`, `azure` or `server` makes the bundles of the programs, with a `proof`, and `report` says what came of it.
//! `package` is that order.
//!
//! `new` makes an app to begin with; `dev` serves one while it is written, and `call` calls one of its functions.

mod archive;
mod azure;
mod budget;
mod build;
mod call;
mod check;
mod cli;
mod cloudflare;
mod contracts;
mod crontab;
mod dev;
mod elf;
mod entry;
mod error;
mod explain;
mod files;
mod introspect;
mod invoke;
mod lambda;
mod new;
mod output;
mod package;
mod profile;
mod project;
mod proof;
mod reached;
mod report;
mod run;
mod secrets;
mod server;
mod settings;
pub mod template;
mod toolchain;
mod workspace;

pub use contracts::{Compiled, compile, render_validator};
pub use run::main;
