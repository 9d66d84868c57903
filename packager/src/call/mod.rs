//! `cargo pikku call`: one function, called in a process of its own with the app's real services and this process's
//! environment.

mod error;

use crate::{
    build::Interrupt,
    cli::ProjectArgs,
    dev::{program, variables},
    error::Error,
    output::{Talk, table},
    project::Project,
    run::print,
    settings::{self, SettingsArgs},
};
use clap::Args;
pub(crate) use error::CallError;
use pikku_manifest::Manifest;
use serde_json::Value;
use std::{
    fs,
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

const EXAMPLES: &str = "\
Examples:
  cargo pikku call --list
  cargo pikku call greet '{\"name\": \"Ada\"}'
  cargo pikku call greet @greet.json
  echo '{\"name\": \"Ada\"}' | cargo pikku call greet -
  cargo pikku call place_order @order.json --session '{\"user\": \"ada\"}'

The app is built for development and the function is called with its real services and the environment of this command. The
answer goes to stdout as JSON with exit code 0, a problem to stderr with exit code 1; logs go to stderr. A session is taken
as given: what would establish one over HTTP is not asked.";

/// How alike a name must be to be named as a near one.
const NEAR: f64 = 0.7;

/// The arguments of `call`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CallArgs {
    /// The function's name
    #[arg(required_unless_present = "list")]
    pub(crate) function: Option<String>,
    /// The input: JSON, @FILE for that of a file, - for that of stdin
    #[arg(default_value = "{}")]
    pub(crate) input: String,
    /// The claims of the caller's session, as the input is given
    #[arg(long, value_name = "JSON")]
    pub(crate) session: Option<String>,
    /// How long the function may take
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub(crate) timeout: u32,
    /// Where queues are kept [default: <target directory>/pikku/dev, as for `dev`]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// List the app's functions instead
    #[arg(long, conflicts_with_all = ["function", "session"])]
    pub(crate) list: bool,
    /// Build optimised
    #[arg(long)]
    pub(crate) release: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub(crate) project: ProjectArgs,
}

/// Calls a function; gives its exit code.
pub(crate) fn run(args: &CallArgs, talk: &Talk) -> Result<ExitCode, Error> {
    // What was typed is looked at before the app is built.
    let input = json("input", &args.input)?;
    let claims = args.session.as_deref().map(|session| json("session", session)).transpose()?;
    let project = Project::read(&args.project)?;
    let (program, manifest) = program::build(&project, args.release, talk, &Interrupt::default())?;
    let Some(function) = &args.function else {
        print(&list(&manifest))?;
        return Ok(ExitCode::SUCCESS);
    };
    if !manifest.functions.iter().any(|known| known.name == *function) {
        return Err(Error::Call(CallError::unknown(function, &manifest)));
    }
    settings::read(&project, &manifest, "server", &SettingsArgs::default())?;
    let mut command = Command::new(&program);
    command.envs(settings::named(&project));
    command.arg("call").arg(function).args(claims);
    if talk.has_color() {
        command.env("PIKKU_DEV_COLOR", "1");
    }
    // What it sends goes where `cargo pikku dev` takes it from.
    let data_dir = args.data_dir.clone().unwrap_or_else(|| project.pikku_dir().join("dev"));
    command.env("PIKKU_CALL_TIME", args.timeout.to_string()).envs(variables(&data_dir, &project.settings.dev)?);
    call(command, &program, &input)
}

/// Starts the program, hands it the input, and gives its exit code: that of this command.
fn call(mut command: Command, program: &Path, input: &str) -> Result<ExitCode, Error> {
    let failed = |source| Error::MissingProgram { program: program.display().to_string(), source };
    let mut child = command.stdin(Stdio::piped()).spawn().map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        // Where it has ended already, it has said why.
        let _ = stdin.write_all(input.as_bytes());
    }
    let status = child.wait().map_err(Error::io("wait for", program))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.map(ExitCode::from).ok_or(Error::Call(CallError::Crashed { status }))
}

/// JSON as it was typed, or from where was typed.
fn json(what: &'static str, given: &str) -> Result<String, Error> {
    let text = match (given, given.strip_prefix('@')) {
        ("-", _) => {
            let mut text = String::new();
            io::stdin().read_to_string(&mut text).map_err(Error::io("read", "stdin"))?;
            text
        }
        (_, Some(path)) => fs::read_to_string(path).map_err(Error::io("read", path))?,
        (text, None) => text.to_owned(),
    };
    match serde_json::from_str::<Value>(&text) {
        Ok(_) => Ok(text),
        Err(error) => Err(Error::Call(CallError::Json { what, reason: error.to_string() })),
    }
}

/// The functions, with what calls them and the first line of what they say of themselves.
fn list(manifest: &Manifest) -> String {
    let rows: Vec<Vec<String>> = manifest
        .functions
        .iter()
        .map(|function| {
            let fields = function.input.as_ref().map(pikku_manifest::fields).unwrap_or_default();
            let fields: Vec<String> = fields.into_iter().map(|field| field.name).collect();
            let input =
                if function.input.is_some() && fields.is_empty() { "…".to_owned() } else { fields.join(", ") };
            let description = function.description.lines().next().unwrap_or_default().to_owned();
            vec![function.name.clone(), input, description]
        })
        .collect();
    table(&["function", "input", "description"], 3, &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_looked_at_before_anything_is_built() {
        assert_eq!(json("input", "{\"a\": 1.50}").unwrap(), "{\"a\": 1.50}");
        let wrong = json("input", "{name: 1}").unwrap_err();
        assert_eq!((wrong.code(), wrong.exit() as u8), (Some("PK8305"), 2));
        assert!(wrong.to_string().contains("line 1 column 2"), "{wrong}");
        assert_eq!(json("input", "@/no/such/file").unwrap_err().code(), Some("PK6001"));
    }
}
