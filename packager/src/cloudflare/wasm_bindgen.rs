//! wasm-bindgen: from the module that the compiler made to one that workerd can load, and its JavaScript.
//!
//! The module and the program that reads it must be of one version. The version that this packager is built with is used
//! as a library, so that nothing has to be installed; for an app that has another, the tool of that version is used.

use super::glue;
use crate::{error::Error, files};
use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};
use wasm_bindgen_cli_support::Bindgen;

/// The version that is built in.
const BUILT_IN: &str = "0.2.130";

/// A module that workerd can load.
#[derive(Debug)]
pub(super) struct Bound {
    /// The module, with the names of its functions.
    pub(super) wasm: Vec<u8>,
    /// `glue.mjs`.
    pub(super) glue: String,
    /// The files that the glue imports, by their paths beside it.
    pub(super) snippets: Vec<(PathBuf, String)>,
}

/// Binds a module that was compiled with this version of wasm-bindgen.
pub(super) fn bind(wasm: &[u8], version: &str) -> Result<Bound, Error> {
    if version == BUILT_IN { with_library(wasm) } else { with_tool(&tool(version)?, wasm) }
}

fn with_library(wasm: &[u8]) -> Result<Bound, Error> {
    let failed = |reason: &dyn std::fmt::Display| Error::WasmBindgen {
        reason: format!("wasm-bindgen could not read the module: {reason:#}"),
        hint: "package again after `cargo clean`; if that does not help, please report it".to_owned(),
    };
    let mut bindgen = Bindgen::new();
    bindgen.input_bytes("glue", wasm.to_vec());
    bindgen.web(true).map_err(|error| failed(&error))?;
    bindgen.typescript(false).omit_default_module_path(true);
    let mut output = bindgen.generate_output().map_err(|error| failed(&error))?;
    let mut snippets: Vec<(PathBuf, String)> = Vec::new();
    for (krate, texts) in output.snippets() {
        for (index, text) in texts.iter().enumerate() {
            snippets.push((format!("snippets/{krate}/inline{index}.js").into(), text.clone()));
        }
    }
    snippets.extend(output.local_modules().iter().map(|(path, text)| (Path::new("snippets").join(path), text.clone())));
    let wasm = output.wasm_mut().emit_wasm();
    finish(wasm, output.js(), snippets)
}

/// The tool of that version: what `WASM_BINDGEN_BIN` names, or the one on `PATH`.
fn tool(version: &str) -> Result<PathBuf, Error> {
    let missing = |found: &str| Error::WasmBindgen {
        reason: format!(
            "the app is built with wasm-bindgen {version}, and cargo-pikku has {BUILT_IN} built in{found}; the versions must be equal"
        ),
        hint: format!(
            "run `cargo update -p wasm-bindgen --precise {BUILT_IN}`, or `cargo install wasm-bindgen-cli --version {version} --locked`"
        ),
    };
    let path: PathBuf = std::env::var_os("WASM_BINDGEN_BIN").unwrap_or_else(|| OsString::from("wasm-bindgen")).into();
    match Command::new(&path).arg("--version").stdin(Stdio::null()).output() {
        Ok(Output { stdout, .. }) => {
            let said = String::from_utf8_lossy(&stdout);
            let found = said.trim().strip_prefix("wasm-bindgen ").unwrap_or("an unknown version");
            if found == version { Ok(path) } else { Err(missing(&format!(", and the tool has {found}"))) }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(missing("")),
        Err(source) => Err(Error::MissingProgram { program: path.display().to_string(), source }),
    }
}

fn with_tool(tool: &Path, wasm: &[u8]) -> Result<Bound, Error> {
    let dir = tempfile::tempdir().map_err(Error::io("make a folder in", std::env::temp_dir()))?;
    let (input, out) = (dir.path().join("bundle.wasm"), dir.path().join("out"));
    files::write(&input, wasm)?;
    let output = Command::new(tool)
        .args(["--target", "web", "--no-typescript", "--omit-default-module-path", "--out-name", "glue"])
        .arg("--out-dir")
        .arg(&out)
        .arg(&input)
        .stdin(Stdio::null())
        .output()
        .map_err(|source| Error::MissingProgram { program: tool.display().to_string(), source })?;
    if !output.status.success() {
        return Err(Error::WasmBindgen {
            reason: format!("wasm-bindgen failed: {}", String::from_utf8_lossy(&output.stderr).trim()),
            hint: "the tool and the app's wasm-bindgen must be of one version".to_owned(),
        });
    }
    let mut snippets = Vec::new();
    collect(&out.join("snippets"), Path::new("snippets"), &mut snippets)?;
    snippets.sort();
    let js = String::from_utf8_lossy(&files::read(&out.join("glue.js"))?).into_owned();
    finish(files::read(&out.join("glue_bg.wasm"))?, &js, snippets)
}

/// The files below a folder, which may not be there.
fn collect(dir: &Path, name: &Path, snippets: &mut Vec<(PathBuf, String)>) -> Result<(), Error> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::io("read", dir)(error)),
    };
    for entry in entries {
        let path = entry.map_err(Error::io("read", dir))?.path();
        let Some(file) = path.file_name() else { continue };
        let name = name.join(file);
        if path.is_dir() {
            collect(&path, &name, snippets)?;
        } else {
            snippets.push((name, String::from_utf8_lossy(&files::read(&path)?).into_owned()));
        }
    }
    Ok(())
}

fn finish(wasm: Vec<u8>, js: &str, mut snippets: Vec<(PathBuf, String)>) -> Result<Bound, Error> {
    snippets.sort();
    Ok(Bound { wasm, glue: glue::module(js)?, snippets })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_built_in_is_that_of_the_lock_file() {
        let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.lock");
        let lock = std::fs::read_to_string(lock).unwrap();
        assert!(lock.contains(&format!("name = \"wasm-bindgen-cli-support\"\nversion = \"{BUILT_IN}\"")));
        assert!(lock.contains(&format!("name = \"wasm-bindgen\"\nversion = \"{BUILT_IN}\"")));
    }

    #[test]
    fn another_version_is_named_with_the_commands_that_help() {
        let error = bind(b"", "0.2.1").unwrap_err();
        assert!(error.to_string().contains("the app is built with wasm-bindgen 0.2.1"), "{error}");
        assert!(error.hint().unwrap().contains("cargo install wasm-bindgen-cli --version 0.2.1 --locked"));
    }

    #[test]
    fn what_is_no_module_is_an_error() {
        let error = bind(b"this is no module", BUILT_IN).unwrap_err();
        assert!(error.to_string().starts_with("wasm-bindgen could not read the module"), "{error}");
    }
}
