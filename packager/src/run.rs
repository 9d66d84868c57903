//! From the command line to an exit code.

use crate::{
    call,
    cli::{Cli, Command},
    dev,
    error::Error,
    explain, introspect, invoke, new,
    output::Talk,
    package,
    project::Project,
    reached, secrets,
};
use clap::{CommandFactory as _, Parser as _};
use serde_json::json;
use std::{
    ffi::OsString,
    io::{self, Write as _},
    process::ExitCode,
};

/// Runs `cargo pikku`. Cargo passes the subcommand's own name first; it is left out where it stands.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut args: Vec<OsString> = args.into_iter().collect();
    if args.get(1).is_some_and(|arg| arg == "pikku") {
        args.remove(1);
    }
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(usage) => {
            // Help and version are what was asked for; they go to stdout and are no failure.
            let code = if usage.use_stderr() { 2 } else { 0 };
            return match usage.print() {
                Ok(()) => ExitCode::from(code),
                Err(_) => ExitCode::from(8),
            };
        }
    };
    let talk = Talk::new();
    let json = matches!(&cli.command, Command::Package(args) if args.json);
    match run(cli.command, &talk) {
        Ok(code) => code,
        Err(error) => {
            talk.error(&error);
            let exit = error.exit() as u8;
            if json && print(&failure(&error)).is_err() {
                return ExitCode::from(8);
            }
            ExitCode::from(exit)
        }
    }
}

fn run(command: Command, talk: &Talk) -> Result<ExitCode, Error> {
    match command {
        Command::New(args) => new::run(&args, talk)?,
        Command::Dev(args) => dev::run(&args, talk)?,
        Command::Call(args) => return call::run(&args, talk),
        Command::Package(args) => {
            let report = package::package(&args, talk)?;
            print(&if args.json { to_json(&report)? } else { report.table() })?;
        }
        Command::Invoke(args) => return invoke::run(&args).map_err(Error::Invoke),
        Command::Manifest(args) if args.schema => print(&to_json(&pikku_manifest::schema())?)?,
        Command::Manifest(args) => {
            let project = Project::read(&args.project)?;
            print(&to_json(&introspect::manifest(&project, talk)?)?)?;
        }
        Command::Permissions(args) => {
            let manifest = introspect::manifest(&Project::read(&args.project)?, talk)?;
            let access = reached::access(&manifest);
            print(&if args.json { to_json(&access)? } else { reached::access_table(&access) })?;
        }
        Command::Secrets(args) => {
            let manifest = introspect::manifest(&Project::read(&args.project)?, talk)?;
            let reads = secrets::reads(&manifest, args.variables);
            print(&if args.json { to_json(&reads)? } else { secrets::reads_table(&reads) })?;
        }
        Command::Routes(args) => {
            let manifest = introspect::manifest(&Project::read(&args.project)?, talk)?;
            let routes = reached::routes(&manifest, args.middleware);
            print(&if args.json { to_json(&routes)? } else { reached::routes_table(&routes) })?;
        }
        Command::Explain { code } => print(&explain::page(code.as_deref())?)?,
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "cargo-pikku", &mut script);
            print(&String::from_utf8_lossy(&script))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn to_json(value: &impl serde::Serialize) -> Result<String, Error> {
    let mut text = serde_json::to_string_pretty(value).map_err(Error::bug)?;
    text.push('\n');
    Ok(text)
}

/// A failure for a machine, in the place of the report.
fn failure(error: &Error) -> String {
    let findings: &[_] = if let Error::App(findings) = error { findings } else { &[] };
    let value = json!({"error": {
        "code": error.code(), "message": error.to_string(), "hint": error.hint(), "findings": findings,
        "exit": error.exit() as u8,
    }});
    format!("{value:#}\n")
}

pub(crate) fn print(text: &str) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // Who reads no further has what they wanted.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(Error::io("write to", "stdout")),
    }
}
