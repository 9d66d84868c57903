//! From files to scenarios.

use super::{raw, scenario::Scenario};
use std::{fmt, fs, io, path::Path};

/// A file or a scenario that is none.
#[derive(Clone, Debug)]
pub struct Malformed {
    /// The file.
    pub file: String,
    /// Which scenario and step, and what is wrong.
    pub reason: String,
}

impl fmt::Display for Malformed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "tests/scenarios/{}.yaml: {}", self.file, self.reason)
    }
}

/// The scenarios of every file of a folder, or what is wrong with a file.
///
/// # Errors
///
/// The folder or a file cannot be read.
pub fn load(folder: &Path, targets: &[&str]) -> io::Result<Vec<Result<Scenario, Malformed>>> {
    let mut files: Vec<_> =
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    files.retain(|path| path.extension().is_some_and(|ending| ending == "yaml"));
    files.sort();
    let mut all = Vec::new();
    for path in files {
        let file = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        match read(&file, &fs::read_to_string(&path)?, targets) {
            Ok(scenarios) => all.extend(scenarios.into_iter().map(Ok)),
            Err(reason) => all.push(Err(Malformed { file, reason })),
        }
    }
    Ok(all)
}

/// The scenarios of a file.
pub(super) fn read(file: &str, text: &str, targets: &[&str]) -> Result<Vec<Scenario>, String> {
    let scenarios = raw::parse(text)?;
    if scenarios.is_empty() {
        return Err("there is no scenario in it".to_owned());
    }
    let mut read: Vec<Scenario> = Vec::with_capacity(scenarios.len());
    for scenario in scenarios {
        let name = scenario.name.clone();
        if read.iter().any(|known| known.name == name) {
            return Err(format!("the name `{name}` is given twice"));
        }
        read.push(resolve(file, scenario, targets).map_err(|reason| format!("the scenario `{name}`: {reason}"))?);
    }
    Ok(read)
}

fn resolve(file: &str, raw: raw::Scenario, targets: &[&str]) -> Result<Scenario, String> {
    match (&raw.targets, &raw.because) {
        (Some(_), None) => return Err("`targets` wants a `because` that says why the others are left out".to_owned()),
        (None, Some(_)) => return Err("`because` gives the reason for `targets`, and there are none".to_owned()),
        _ => {}
    }
    if let Some(unknown) = raw.targets.iter().flatten().find(|name| !targets.contains(&name.as_str())) {
        return Err(format!("`targets` names `{unknown}`, which is none of {}", targets.join(", ")));
    }
    if raw.steps.is_empty() || raw.targets.as_ref().is_some_and(Vec::is_empty) {
        return Err("it has no `steps`, or no `targets`".to_owned());
    }
    if raw.keeps_cookies && raw.steps.iter().any(raw::Step::is_together) {
        return Err("`keeps_cookies` is for calls one after the other, and some are `together`".to_owned());
    }
    let steps = raw.steps.into_iter().enumerate();
    let steps = steps.map(|(index, step)| step.resolve().map_err(|reason| format!("step {}: {reason}", index + 1)));
    Ok(Scenario {
        file: file.to_owned(),
        name: raw.name,
        group: raw.group,
        targets: raw.targets,
        logged: raw.logged,
        spans: raw.spans,
        keeps_cookies: raw.keeps_cookies,
        steps: steps.collect::<Result<_, _>>()?,
    })
}
