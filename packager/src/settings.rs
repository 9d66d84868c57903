//! The app's file of settings, `pikku.toml` beside its Cargo.toml: checked against what the app reads, and turned into what a target's
//! deployment files say of variables. What `[package.metadata.pikku]` says of a variable goes before it.

use crate::{
    error::{Error, Finding},
    project::Project,
};
use pikku_manifest::{Manifest, Reads};
use pikku_settings::{Settings, Wanted};
use std::path::{Path, PathBuf};

/// The file's name.
const FILE: &str = "pikku.toml";

/// Which file, and which stage of it.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct SettingsArgs {
    /// The file with values for variables [default: pikku.toml beside the app's Cargo.toml, where there is one]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The stage whose table of the file goes before the others, such as production
    #[arg(long, value_name = "NAME")]
    pub(crate) stage: Option<String>,
}

/// The file of an app, if it has one.
pub(crate) fn file(project: &Project) -> Option<PathBuf> {
    Some(project.package_dir.join(FILE)).filter(|file| file.is_file())
}

/// Reads the file that is asked for, or the app's own, for a target.
pub(crate) fn read(
    project: &Project,
    manifest: &Manifest,
    target: &str,
    args: &SettingsArgs,
) -> Result<Settings, Error> {
    let Some(path) = args.config.clone().or_else(|| file(project)) else {
        return match &args.stage {
            None => Ok(Settings::default()),
            Some(stage) => {
                let message = format!("the stage `{stage}` is asked for, and there is no file of settings");
                let hint = format!("write {FILE} beside the app's Cargo.toml, with a table `stages.{stage}`");
                Err(Error::App(vec![Finding::new("PK0216", None, message, hint)]))
            }
        };
    };
    check(&path, manifest, target, args.stage.as_deref()).map_err(Error::App)
}

/// The variable that names the app's own file for a program that reads it, unless one is named already.
pub(crate) fn named(project: &Project) -> Option<(&'static str, PathBuf)> {
    let is_unset = std::env::var_os("PIKKU_CONFIG").is_none();
    file(project).filter(|_| is_unset).map(|file| ("PIKKU_CONFIG", file))
}

fn check(path: &Path, manifest: &Manifest, target: &str, stage: Option<&str>) -> Result<Settings, Vec<Finding>> {
    let reads = Reads::of(manifest.services.iter().flat_map(|service| &service.needs));
    let names = |names: &[String]| names.to_vec();
    let (variables, secrets) = (names(&reads.variables), names(&reads.secrets));
    let variables: Vec<&str> = variables.iter().map(String::as_str).collect();
    let secrets: Vec<&str> = secrets.iter().map(String::as_str).collect();
    let wanted = Wanted { target, stage, variables: Some(&variables), secrets: &secrets };
    Settings::read(path, wanted).map_err(|error| {
        let hint = "a file of settings has the values of the variables that the app reads, which `cargo pikku secrets \
                    --variables` lists";
        error.lines().map(|line| Finding::new("PK0216", None, line, hint)).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_mistake_is_a_finding_and_no_value_is_told() {
        let manifest: Manifest = serde_json::from_value(json!({
            "manifest_version": 1, "groups": [], "functions": [],
            "services": [{"name": "Settings", "type_name": "shop::Settings", "lifetime": "singleton", "depends_on": [],
                          "closes": false, "needs": [{"action": "variable", "name": "LIMIT"},
                                                      {"action": "read_secret", "name": "session-keys"}]}],
        }))
        .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        std::fs::write(&path, "[settings]\nLIMITS = 7\nSESSION_KEYS = \"plantedsecret7Qx\"\n").unwrap();
        let findings = check(&path, &manifest, "lambda", None).unwrap_err();
        let told: Vec<&str> = findings.iter().map(|finding| finding.message.as_str()).collect();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].contains("pikku.toml:2: LIMITS: ") && told[0].ends_with("is it `LIMIT`?"), "{told:?}");
        assert!(told[1].contains("pikku.toml:3: SESSION_KEYS: it is the secret `session-keys`"), "{told:?}");
        assert!(!format!("{findings:?}").contains("plantedsecret7Qx"));
        // What Cargo.toml says goes before the file.
        let mut settings: crate::project::Settings =
            serde_json::from_value(json!({"azure": {"vars": {"LIMIT": "1"}}})).unwrap();
        std::fs::write(&path, "[settings]\nLIMIT = 5\n").unwrap();
        settings.fill(&check(&path, &manifest, "azure", None).unwrap());
        let of = |vars: &std::collections::BTreeMap<String, String>| vars["LIMIT"].clone();
        assert_eq!(
            (of(&settings.azure.vars), of(&settings.cloudflare.vars), of(&settings.lambda.vars)),
            ("1".into(), "5".into(), "5".into())
        );
        std::fs::write(&path, "[settings]\nLIMIT = 7\n[targets.lambda]\nLIMIT = 8\n").unwrap();
        let of = |target| check(&path, &manifest, target, None).unwrap().get("LIMIT").map(str::to_owned);
        assert_eq!((of("lambda").as_deref(), of("azure").as_deref()), (Some("8"), Some("7")));
    }
}
