//! The file of settings that `PIKKU_CONFIG` or `--config` names: the values of variables that the environment has not.

use pikku::{Selection, dispatch::StartError};
#[cfg(feature = "settings-file")]
use pikku_settings::{Settings, Wanted};
use std::{path::PathBuf, sync::OnceLock};

/// The variable that names the file.
const FILE: &str = "PIKKU_CONFIG";
/// The variable that names the stage, whose table goes before the others.
#[cfg(feature = "settings-file")]
const STAGE: &str = "PIKKU_STAGE";

/// The file that the command line names, which goes before the variable.
static NAMED: OnceLock<PathBuf> = OnceLock::new();

/// The values of the file, if there is one.
#[derive(Debug, Default)]
pub(crate) struct File(#[cfg(feature = "settings-file")] Settings);

impl File {
    /// Reads the file that is named.
    pub(crate) fn named<S: Selection>() -> Result<Self, StartError> {
        let of_environment = || std::env::var_os(FILE).filter(|path| !path.is_empty()).map(PathBuf::from);
        match NAMED.get().cloned().or_else(of_environment) {
            Some(path) => Self::read::<S>(path),
            None => Ok(Self::default()),
        }
    }

    #[cfg(feature = "settings-file")]
    fn read<S: Selection>(path: PathBuf) -> Result<Self, StartError> {
        let stage = std::env::var(STAGE).ok().filter(|stage| !stage.is_empty());
        let wanted = Wanted { target: "server", stage: stage.as_deref(), variables: S::VARIABLES, secrets: S::SECRETS };
        let settings = Settings::read(&path, wanted);
        settings.map(Self).map_err(|error| StartError::Settings(error.lines().collect()))
    }

    #[cfg(not(feature = "settings-file"))]
    #[expect(clippy::extra_unused_type_parameters, reason = "what reads one asks it for names")]
    fn read<S: Selection>(path: PathBuf) -> Result<Self, StartError> {
        let reason = "this program reads no file of settings: package it with `settings_file = true` in \
                      [package.metadata.pikku.server], or build `pikku-server` with its feature `settings-file`";
        Err(StartError::Settings(vec![format!("{}: {reason}", path.display())]))
    }

    /// The value of a variable.
    #[cfg_attr(not(feature = "settings-file"), expect(clippy::unused_self, reason = "it is empty then"))]
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        #[cfg(feature = "settings-file")]
        return self.0.get(name).map(str::to_owned);
        #[cfg(not(feature = "settings-file"))]
        return Option::<&str>::None.filter(|_| !name.is_empty()).map(str::to_owned);
    }

    /// Where the value of a variable is.
    #[cfg(feature = "settings-file")]
    pub(crate) fn place(&self, name: &str) -> Option<String> {
        self.0.place(name)
    }
}

/// Takes `--config PATH` out of the arguments of a program. The error is what is wrong with them.
pub(crate) fn take(arguments: Vec<std::ffi::OsString>) -> Result<Vec<std::ffi::OsString>, &'static str> {
    let mut rest = Vec::new();
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let path = match argument.to_str() {
            Some("--config") => arguments.next().ok_or("--config wants the path of a file")?.into(),
            Some(text) if text.starts_with("--config=") => PathBuf::from(&text["--config=".len()..]),
            _ => {
                rest.push(argument);
                continue;
            }
        };
        NAMED.set(path).map_err(|_| "--config is given twice")?;
    }
    Ok(rest)
}
