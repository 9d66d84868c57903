//! The app's manifest, from the app itself: a small program is built for the host and asked.

use crate::{
    build::{Cargo, Progress},
    error::Error,
    output::Talk,
    project::Project,
    workspace::{APP_LINK, RuntimeCrate, Workspace, app_dependency, package_table, runtime_dependency},
};
use pikku_manifest::{MANIFEST_VERSION, Manifest};
use serde_json::Value;
use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

const PROGRAM: &str = "pikku-introspect";

/// How programs for the host are built: soon.
pub(crate) const PROFILE: &str = "[profile.dev]\ndebug = false\nincremental = true\n";

/// The folder of what is built for the host: programs for it share what they are made of.
pub(crate) fn target_dir(project: &Project) -> PathBuf {
    project.pikku_dir().join("build/introspect/target")
}

/// Builds the app and asks it for its manifest.
pub(crate) fn manifest(project: &Project, talk: &Talk) -> Result<Manifest, Error> {
    let mut workspace = Workspace::new(project, "introspect")?;
    let mut cargo = package_table(PROGRAM);
    cargo.push_str("\n[dependencies]\n");
    cargo.push_str(&app_dependency(project));
    cargo.push_str(&runtime_dependency(project, RuntimeCrate::Runtime, &["introspect"]));
    let main = format!(
        "//! Prints the app's manifest.\n\nfn main() -> std::process::ExitCode {{\n    \
         pikku::introspect::emit({}::<pikku::All>())\n}}\n",
        project.app
    );
    workspace.add(PROGRAM, &cargo, &[("src/main.rs", &main)])?;
    workspace.finish(project, PROFILE)?;
    let progress = Progress::new(talk, "Describing", "the app");
    let programs = Cargo::new(project, &workspace).build("the program that describes the app", progress)?;
    let program = programs.get(PROGRAM).ok_or_else(|| Error::bug("the describing program is missing"))?;
    ask(Command::new(program), project)
}

/// Asks a program that prints the app's manifest.
pub(crate) fn ask(mut program: Command, project: &Project) -> Result<Manifest, Error> {
    let name = program.get_program().to_string_lossy().into_owned();
    let output = program
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|source| Error::MissingProgram { program: name, source })?;
    if !output.status.success() {
        return Err(Error::Introspect { reason: format!("its program ended with {}", output.status) });
    }
    parse(&output.stdout, &project.linked_dir, &project.workspace_dir)
}

/// Reads a manifest whose files are named through the link to the folder `linked`, and names them from the workspace.
fn parse(bytes: &[u8], linked: &Path, workspace: &Path) -> Result<Manifest, Error> {
    let value: Value = serde_json::from_slice(bytes)
        .map_err(|error| Error::Introspect { reason: format!("its program printed no manifest: {error}") })?;
    let found = value.get("manifest_version").and_then(Value::as_u64).unwrap_or(0);
    if found != u64::from(MANIFEST_VERSION) {
        return Err(Error::ManifestVersion { found });
    }
    let mut manifest: Manifest = serde_json::from_value(value)
        .map_err(|error| Error::Introspect { reason: format!("its manifest cannot be read: {error}") })?;
    let places =
        manifest.groups.iter_mut().flat_map(|group| group.wirings.iter_mut().map(|wiring| &mut wiring.location));
    let places = places.chain(manifest.functions.iter_mut().map(|function| &mut function.location));
    let places = places.chain(manifest.roles.iter_mut().map(|role| &mut role.location));
    for place in places.chain(manifest.faults.iter_mut().map(|fault| &mut fault.location)) {
        if let Ok(inside) = Path::new(&place.file).strip_prefix(APP_LINK) {
            let file = linked.join(inside);
            place.file = file.strip_prefix(workspace).unwrap_or(&file).display().to_string();
        }
    }
    Ok(manifest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_named_from_the_workspace() {
        let text = r#"{"manifest_version": 1, "groups": [], "functions": [], "services": [],
            "faults": [{"message": "m", "location": {"file": "app/shop/src/lib.rs", "line": 3}}]}"#;
        let file = |linked: &str, workspace: &str| {
            let manifest = parse(text.as_bytes(), Path::new(linked), Path::new(workspace)).unwrap();
            manifest.faults[0].location.file.clone()
        };
        assert_eq!(file("/a", "/a"), "shop/src/lib.rs");
        assert_eq!(file("/a", "/a/shop"), "src/lib.rs");
        assert_eq!(file("/a", "/a/hello"), "/a/shop/src/lib.rs");
    }

    #[test]
    fn other_versions_are_refused() {
        let read = |bytes| parse(bytes, Path::new("/a"), Path::new("/a"));
        assert!(matches!(read(&br#"{"manifest_version": 2}"#[..]), Err(Error::ManifestVersion { found: 2 })));
        assert!(matches!(read(b"hello"), Err(Error::Introspect { .. })));
    }
}
