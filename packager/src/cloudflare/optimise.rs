//! wasm-opt, where it is found: it makes a module 7 % smaller, and 3 % once it is gzipped.
//!
//! What it made of a module is kept beside the build, so that it runs once for each distinct module.

use crate::{cli::Profile, error::Error, files, package::sha256};
use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// What the modules use of WebAssembly beyond its first version; workerd has all of it.
const FEATURES: [&str; 7] = [
    "--enable-mutable-globals",
    "--enable-sign-ext",
    "--enable-nontrapping-float-to-int",
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-reference-types",
    "--enable-exception-handling",
];

/// A wasm-opt that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WasmOpt {
    program: PathBuf,
    /// As it says itself.
    pub(crate) version: String,
}

impl WasmOpt {
    /// Looks for it: where `WASM_OPT_BIN` says, on `PATH`, and among the npm packages of the app. An empty
    /// `WASM_OPT_BIN` switches it off.
    pub(crate) fn find(app: &Path) -> Result<Result<Self, &'static str>, Error> {
        let program = match std::env::var_os("WASM_OPT_BIN") {
            Some(named) if named.is_empty() => return Ok(Err("WASM_OPT_BIN is empty")),
            Some(named) => PathBuf::from(named),
            None => match on_path().or_else(|| in_node_modules(app)) {
                Some(program) => program,
                None => return Ok(Err("wasm-opt was not found")),
            },
        };
        let said = run(Command::new(&program).arg("--version"), &program)?;
        Ok(Ok(Self { version: said.trim().trim_start_matches("wasm-opt ").to_owned(), program }))
    }

    /// The module, smaller and with its names; from `kept`, where it was made before.
    pub(crate) fn run(&self, wasm: &[u8], profile: Profile, kept: &Path) -> Result<Vec<u8>, Error> {
        let level = match profile {
            Profile::Small => "-Oz",
            Profile::Balanced => "-Os",
            Profile::Fast => "-O3",
        };
        let key = sha256(format!("{} {} {level} {FEATURES:?}", sha256(wasm), self.version).as_bytes());
        let made = kept.join(format!("{key}.wasm"));
        if made.is_file() {
            return files::read(&made);
        }
        let input = kept.join(format!("{key}.in.wasm"));
        let output = kept.join(format!("{key}.out.wasm"));
        files::write(&input, wasm)?;
        let mut command = Command::new(&self.program);
        command.args([level, "--debuginfo"]).args(FEATURES).arg(&input).arg("--output").arg(&output);
        run(&mut command, &self.program)?;
        files::remove(&input)?;
        // Under its final name only when it is whole.
        std::fs::rename(&output, &made).map_err(Error::io("rename", &output))?;
        files::read(&made)
    }
}

fn run(command: &mut Command, program: &Path) -> Result<String, Error> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|source| Error::MissingProgram { program: program.display().to_string(), source })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let reason = said.trim().lines().rev().take(3).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("; ");
    let reason = if reason.is_empty() { format!("it ended with {}", output.status) } else { reason };
    Err(Error::WasmOpt { program: program.to_owned(), reason })
}

fn on_path() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join("wasm-opt")).find(|program| program.is_file())
}

fn in_node_modules(app: &Path) -> Option<PathBuf> {
    let bin = Path::new("node_modules").join(".bin").join(OsStr::new("wasm-opt"));
    app.ancestors().map(|folder| folder.join(&bin)).find(|program| program.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::PermissionsExt as _};

    /// A stand-in that appends a letter to the module and a line to a log.
    fn stand_in(dir: &Path) -> WasmOpt {
        let (program, log) = (dir.join("wasm-opt"), dir.join("log"));
        let script = format!(
            "#!/bin/sh\necho \"$1\" >> {}\nfor last; do :; done\nfor in; do case $in in *.in.wasm) cat \"$in\" > \"$last\";; \
             esac; done\nprintf x >> \"$last\"\ngrep -q broken \"$last\" && {{ echo bad module >&2; exit 1; }}\nexit 0\n",
            log.display()
        );
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        WasmOpt { program, version: "version 1".to_owned() }
    }

    #[test]
    fn a_module_is_made_once() {
        let dir = tempfile::tempdir().unwrap();
        let (tool, kept) = (stand_in(dir.path()), dir.path().join("kept"));
        for _ in 0..2 {
            assert_eq!(tool.run(b"module", Profile::Small, &kept).unwrap(), b"modulex");
        }
        tool.run(b"module", Profile::Fast, &kept).unwrap();
        assert_eq!(fs::read_to_string(dir.path().join("log")).unwrap(), "-Oz\n-O3\n");
        let failed = tool.run(b"broken", Profile::Small, &kept);
        assert!(matches!(failed, Err(Error::WasmOpt { ref reason, .. }) if reason == "bad module"), "{failed:?}");
    }

    #[test]
    fn the_apps_npm_packages_are_looked_at() {
        let dir = tempfile::tempdir().unwrap();
        let bin = dir.path().join("node_modules/.bin");
        fs::create_dir_all(&bin).unwrap();
        assert_eq!(in_node_modules(dir.path()), None);
        fs::write(bin.join("wasm-opt"), "").unwrap();
        assert_eq!(in_node_modules(&dir.path().join("crates/app")), Some(bin.join("wasm-opt")));
    }
}
