//! `cargo pikku new`: an app to begin with, which builds, passes its tests and is packaged as it is.
//!
//! It is written aside, beside where it is to be, and renamed into place when it is whole.

mod error;
mod name;

use crate::{
    error::Error,
    files,
    output::{Talk, table},
};
use clap::{Args, ValueEnum};
pub(crate) use error::NewError;
use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

const EXAMPLES: &str = "\
Examples:
  cargo pikku new hello
  cargo pikku new services/hello --name hello-service
  cargo pikku new hello --pikku ../pikku

The app has a route, a queue, a schedule and a test. Before the first release of Pikku, and where cargo-pikku was built in a
clone of its repository, the app takes Pikku from there by its path.";

/// The files of a new app, as they lie in `template`; `{{…}}` is filled in.
const FILES: [(&str, &str); 5] = [
    ("Cargo.toml", include_str!("template/Cargo.toml.in")),
    ("src/lib.rs", include_str!("template/src/lib.rs")),
    ("tests/app.rs", include_str!("template/tests/app.rs")),
    ("README.md", include_str!("template/README.md")),
    (".gitignore", include_str!("template/gitignore")),
];

/// The folder that this program was built in: in a clone, the runtime is beside it.
const BUILT_IN: &str = env!("CARGO_MANIFEST_DIR");

/// The arguments of `new`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct NewArgs {
    /// The folder to make; its last part is the app's name
    #[arg(value_name = "PATH")]
    pub(crate) path: PathBuf,
    /// The app's name, if it is another
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// A clone of Pikku's repository, from which the app takes Pikku
    #[arg(long, value_name = "PATH")]
    pub(crate) pikku: Option<PathBuf>,
    /// The version control [default: git, unless the folder is in a repository already]
    #[arg(long, value_enum)]
    pub(crate) vcs: Option<Vcs>,
}

/// What keeps the app's versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Vcs {
    /// A git repository
    Git,
    /// Nothing
    None,
}

/// Makes a new app.
pub(crate) fn run(args: &NewArgs, talk: &Talk) -> Result<(), Error> {
    let made = make(args, Path::new(BUILT_IN)).map_err(|failed| failed.into_error())?;
    talk.done("Created", &format!("the app `{}` in {}", made.name, args.path.display()));
    if let Some(runtime) = &made.runtime {
        talk.done("Taking", &format!("Pikku from {}", runtime.display()));
    }
    if let Some(workspace) = &made.workspace {
        talk.warning(&format!("{} may have to name the new package among its members", workspace.display()));
    }
    let steps = [
        (format!("cd {}", args.path.display()), ""),
        ("cargo pikku dev".to_owned(), "serve it while you write it"),
        ("cargo test".to_owned(), "test it"),
        ("cargo pikku package --target server".to_owned(), "package it; also for lambda and cloudflare"),
    ];
    let rows: Vec<Vec<String>> =
        steps.into_iter().map(|(step, what)| vec![format!("  {step}"), what.to_owned()]).collect();
    eprintln!("\nNext:\n{}", table(&["", ""], 2, &rows).trim_start_matches('\n').trim_end());
    Ok(())
}

/// What was made.
#[derive(Debug)]
struct Made {
    name: String,
    /// The folder of the runtime, where the app takes it by path.
    runtime: Option<PathBuf>,
    /// The workspace that the folder is in, which does not take it by itself.
    workspace: Option<PathBuf>,
}

/// Why nothing was made.
#[derive(Debug)]
enum Failed {
    New(NewError),
    File(Error),
}

impl Failed {
    fn into_error(self) -> Error {
        match self {
            Self::New(error) => Error::New(error),
            Self::File(error) => error,
        }
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::File(error)
    }
}

impl From<NewError> for Failed {
    fn from(error: NewError) -> Self {
        Self::New(error)
    }
}

fn make(args: &NewArgs, built_in: &Path) -> Result<Made, Failed> {
    let last = args.path.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = args.name.clone().or(last).unwrap_or_default();
    name::check(&name)?;
    if fs::symlink_metadata(&args.path).is_ok() {
        return Err(NewError::Exists { path: args.path.clone() }.into());
    }
    let runtime = runtime(args.pikku.as_deref(), built_in)?;
    let parent = match args.path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    files::create_dir(parent)?;
    let aside =
        tempfile::Builder::new().prefix(".pikku-new-").tempdir_in(parent).map_err(Error::io("write to", parent))?;
    for (file, text) in FILES {
        let text = fill(text, &name, runtime.as_deref());
        files::write(&aside.path().join(file), text.as_bytes())?;
    }
    let git = match args.vcs {
        Some(vcs) => vcs == Vcs::Git,
        None => !is_in_repository(parent),
    };
    if git {
        let asked = args.vcs.is_some();
        init(aside.path()).or_else(|reason| if asked { Err(NewError::Git { reason }) } else { Ok(()) })?;
    }
    // The folder may have come into being meanwhile: an empty one is taken, any other is kept.
    open_to_all(aside.path()).map_err(Error::io("write", aside.path()))?;
    fs::rename(aside.path(), &args.path).map_err(|source| match source.kind() {
        io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => {
            Failed::New(NewError::Exists { path: args.path.clone() })
        }
        _ => Failed::File(Error::io("write", &args.path)(source)),
    })?;
    // It is no longer where it would be removed from.
    let _ = aside.keep();
    Ok(Made { name, runtime, workspace: foreign_workspace(&args.path) })
}

/// A temporary folder is its owner's alone; an app's is as others are.
fn open_to_all(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))
}

fn fill(text: &str, name: &str, runtime: Option<&Path>) -> String {
    let (source, version) = match runtime {
        Some(runtime) => (format!("path = {:?}", runtime.display().to_string()), String::new()),
        None => {
            let version = concat!(env!("CARGO_PKG_VERSION_MAJOR"), ".", env!("CARGO_PKG_VERSION_MINOR"));
            (format!("version = {version:?}"), format!("{version:?}"))
        }
    };
    let plain = if version.is_empty() { format!("{{ {source} }}") } else { version };
    text.replace("{{pikku_testing}}", &format!("{{ {source}, features = [\"testing\"] }}"))
        .replace("{{pikku}}", &plain)
        .replace("{{crate}}", &name.replace('-', "_"))
        .replace("{{name}}", name)
}

/// The runtime's folder in a clone of the repository: the one that was named, or the one that this program was built in.
fn runtime(named: Option<&Path>, built_in: &Path) -> Result<Option<PathBuf>, NewError> {
    let candidates: Vec<PathBuf> = match named {
        Some(named) => vec![named.join("runtime"), named.to_owned()],
        None => vec![built_in.join("../runtime")],
    };
    let found =
        candidates.into_iter().filter(|folder| is_runtime(folder)).find_map(|folder| folder.canonicalize().ok());
    match (found, named) {
        (None, Some(named)) => Err(NewError::NoRuntime { path: named.to_owned() }),
        (found, _) => Ok(found),
    }
}

/// Whether a folder holds the crate `pikku`, with the adapters beside it.
fn is_runtime(folder: &Path) -> bool {
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
    manifest.lines().any(|line| line.trim() == "name = \"pikku\"") && folder.join("../adapters").is_dir()
}

fn git(folder: &Path, args: &[&str]) -> Result<(), String> {
    let output = Command::new("git").args(args).current_dir(folder).stdin(Stdio::null()).output();
    let output = output.map_err(|error| error.to_string())?;
    let said = || String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if output.status.success() { Ok(()) } else { Err(said()) }
}

fn is_in_repository(folder: &Path) -> bool {
    git(folder, &["rev-parse", "--is-inside-work-tree"]).is_ok()
}

fn init(folder: &Path) -> Result<(), String> {
    git(folder, &["init", "--quiet"])
}

/// The workspace above the new package that Cargo says it is no member of.
fn foreign_workspace(folder: &Path) -> Option<PathBuf> {
    let ask = |folder: &Path| {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let args = ["locate-project", "--workspace", "--message-format", "plain"];
        let output = Command::new(cargo).args(args).current_dir(folder).stdin(Stdio::null()).output().ok()?;
        Some((output.status.success(), String::from_utf8_lossy(&output.stdout).trim().to_owned()))
    };
    let (whole, _) = ask(folder)?;
    let above = folder.canonicalize().ok()?;
    let (_, workspace) = if whole { return None } else { ask(above.parent()?)? };
    Some(PathBuf::from(workspace))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(path: PathBuf) -> NewArgs {
        NewArgs { path, name: None, pikku: None, vcs: Some(Vcs::None) }
    }

    fn entries(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_is_filled_in() {
        let manifest = fill(FILES[0].1, "my-app", None);
        assert!(manifest.contains("name = \"my-app\"") && manifest.contains("pikku = \"0."), "{manifest}");
        assert!(manifest.contains("pikku = { version = \"0."), "{manifest}");
        let by_path = fill(FILES[0].1, "my-app", Some(Path::new("/clone/runtime")));
        assert!(by_path.contains("pikku = { path = \"/clone/runtime\" }\n"), "{by_path}");
        assert!(by_path.contains("pikku = { path = \"/clone/runtime\", features = [\"testing\"] }\n"), "{by_path}");
        for (file, text) in FILES {
            let text = fill(text, "my-app", None);
            assert!(!text.contains("{{"), "{file}");
        }
        assert!(fill(FILES[2].1, "my-app", None).contains("my_app::app()"));
    }

    #[test]
    fn nothing_is_half_written() {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path();
        let made = make(&args(here.join("hello")), here).unwrap();
        assert_eq!((made.name.as_str(), made.runtime), ("hello", None));
        assert_eq!(entries(here), ["hello"]);
        assert_eq!(entries(&here.join("hello")), [".gitignore", "Cargo.toml", "README.md", "src", "tests"]);

        // What is there already stays as it is.
        fs::write(here.join("hello/Cargo.toml"), "mine").unwrap();
        let again = make(&args(here.join("hello")), here).unwrap_err().into_error();
        assert_eq!((again.code(), again.exit() as u8), (Some("PK8302"), 2));
        assert_eq!(fs::read_to_string(here.join("hello/Cargo.toml")).unwrap(), "mine");

        let wrong = make(&args(here.join("3rd")), here).unwrap_err().into_error();
        assert_eq!(wrong.code(), Some("PK8301"));
        let no_clone = NewArgs { pikku: Some(here.to_owned()), ..args(here.join("other")) };
        assert_eq!(make(&no_clone, here).unwrap_err().into_error().code(), Some("PK8303"));
        assert_eq!(entries(here), ["hello"]);
    }

    #[test]
    fn a_clone_is_where_the_runtime_comes_from() {
        let clone = Path::new(BUILT_IN).join("..");
        let folder = tempfile::tempdir().unwrap();
        let made = make(&args(folder.path().join("deep/er/hello")), Path::new(BUILT_IN)).unwrap();
        assert_eq!(made.runtime, Some(clone.join("runtime").canonicalize().unwrap()));
        let named = runtime(Some(&clone), folder.path()).unwrap();
        assert_eq!(named, made.runtime);
    }
}
