//! What a person sees of `cargo pikku dev`, or a machine: with `--json`, an object a line.

use super::{server::Stream, told::Called, watch::Changes};
use crate::{
    error::Error,
    output::{Talk, table},
    project::Project,
};
use console::Style;
use pikku_manifest::{Manifest, WiringKind};
use serde_json::{Value, json};
use std::{
    env,
    io::{self, Write as _},
    net::SocketAddr,
    path::Path,
};

/// Says what happens.
#[derive(Debug)]
pub(super) struct Screen {
    talk: Talk,
    json: bool,
    address: SocketAddr,
    /// The table as it was shown last.
    table: String,
    /// Whether nobody reads standard output any more.
    pub(super) deaf: bool,
}

impl Screen {
    pub(super) fn new(talk: Talk, json: bool, address: SocketAddr) -> Self {
        Self { talk, json, address, table: String::new(), deaf: false }
    }

    pub(super) fn is_json(&self) -> bool {
        self.json
    }

    /// How builds are told: while an app runs, its lines come in between, so that no line is drawn over.
    pub(super) fn talk(&self, alone: bool) -> Talk {
        if alone { self.talk.clone() } else { self.talk.still() }
    }

    fn line(&mut self, line: &str) {
        let mut out = io::stdout().lock();
        self.deaf |= writeln!(out, "{line}").and_then(|()| out.flush()).is_err();
    }

    fn event(&mut self, event: &str, mut value: Value) {
        if self.json {
            value["event"] = event.into();
            self.line(&value.to_string());
        }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn changed(&mut self, changes: &Changes, project: &Project) {
        let first = relative(&changes.first, project);
        self.event("changed", json!({"first": first, "count": changes.count}));
        if !self.json {
            let more = match changes.count {
                0 | 1 => String::new(),
                count => format!(" and {} more", count - 1),
            };
            self.talk.done("Changed", &format!("{first}{more}"));
        }
    }

    /// The build did not come to an end, or the app is wrong. What served goes on.
    pub(super) fn failed(&mut self, error: &Error, serves: bool) {
        self.talk.error(error);
        self.event("failed", json!({"code": error.code(), "message": error.to_string(), "serving": serves}));
        self.waits(serves);
    }

    /// The app did not start, and has said why.
    pub(super) fn refused(&mut self, code: &str, message: &str, cause: Option<&str>, hint: &str) {
        self.event("refused", json!({"code": code, "message": message, "cause": cause}));
        self.talk.told(code, message, cause, hint);
    }

    /// What follows from a failure.
    pub(super) fn waits(&mut self, serves: bool) {
        if serves {
            self.talk.done("Serving", "the app as it was before");
        } else {
            self.talk.done("Waiting", "for a change; requests wait too");
        }
    }

    pub(super) fn unchanged(&mut self) {
        self.event("unchanged", json!({}));
        self.talk.done("Unchanged", "the app is the same as before");
    }

    /// The app serves, for the first time or after it was gone; or as the one that follows another.
    pub(super) fn serves(&mut self, manifest: &Manifest, reloaded: bool, has_keys: bool) {
        let url = self.url();
        self.event(
            if reloaded { "reloaded" } else { "serving" },
            json!({"address": url, "wirings": wirings(manifest)}),
        );
        if self.json {
            return;
        }
        if reloaded {
            self.talk.done("Reloaded", &url);
        } else {
            self.talk.done("Serving", &format!("{url}, described at {url}/_pikku/"));
        }
        let table = rows(manifest);
        let first = self.table.is_empty();
        if table != self.table {
            self.line(&format!("\n{table}"));
            self.table = table;
        }
        if first && has_keys {
            self.keys();
        }
    }

    pub(super) fn keys(&mut self) {
        self.line("keys: r build and start anew, s run a schedule, o open the app's page, ? help, q quit\n");
    }

    /// Says where the app's page is, and opens it where there is a browser to open it with.
    pub(super) fn page(&mut self) {
        let page = format!("{}/_pikku/", self.url());
        self.line(&page);
        // Without a display a browser would take the terminal.
        let has_browser =
            ["BROWSER", "DISPLAY", "WAYLAND_DISPLAY"].map(env::var_os).iter().flatten().any(|v| !v.is_empty());
        if has_browser && let Err(error) = opener::open_browser(&page) {
            self.line(&format!("no browser could be opened: {error}"));
        }
    }

    /// The schedules to choose from.
    pub(super) fn choice(&mut self, schedules: &[(String, String)]) {
        if schedules.is_empty() {
            self.line("the app has no schedules");
            return;
        }
        self.line("which schedule? any other key for none");
        for (number, (name, function)) in schedules.iter().enumerate() {
            self.line(&format!("  {}  {name} -> {function}", number + 1));
        }
    }

    pub(super) fn called(&mut self, called: &Called) {
        self.event("called", serde_json::to_value(called).unwrap_or_default());
        if self.json {
            return;
        }
        let Called { via, source, function, status, code, ms } = called;
        let color = match status {
            ..400 => Style::new().green(),
            400..500 => Style::new().yellow(),
            _ => Style::new().red(),
        };
        let status = color.force_styling(self.talk.has_color()).apply_to(status);
        let via = if via == "http" { String::new() } else { format!("{via} ") };
        let function = function.as_deref().map(|function| format!(" -> {function}")).unwrap_or_default();
        let code = code.as_deref().map(|code| format!(" {code}")).unwrap_or_default();
        self.line(&format!("{via}{source}{function} {status}{code} {ms:.1} ms"));
    }

    /// What the app itself writes.
    pub(super) fn said(&mut self, stream: Stream, line: &str) {
        match (self.json, stream) {
            (true, _) => {
                let stream = if stream == Stream::Out { "stdout" } else { "stderr" };
                self.event("output", json!({"stream": stream, "line": line}));
            }
            (false, Stream::Out) => self.line(line),
            (false, Stream::Err) => eprintln!("{line}"),
        }
    }

    pub(super) fn stops(&mut self) {
        self.event("stopping", json!({}));
        if !self.json {
            self.talk.done("Stopping", "after what has begun; once more to stop at once");
        }
    }
}

/// A file as it is named from where this command was started, or else from the workspace.
fn relative(path: &Path, project: &Project) -> String {
    let here = std::env::current_dir().ok();
    let inside = here.iter().chain([&project.workspace_dir]).find_map(|folder| path.strip_prefix(folder).ok());
    inside.unwrap_or(path).display().to_string()
}

/// How functions are reached: kind, source, function, group.
fn parts(manifest: &Manifest) -> impl Iterator<Item = [String; 4]> {
    manifest.groups.iter().flat_map(|group| {
        group.wirings.iter().map(|wiring| {
            let source = match &wiring.kind {
                WiringKind::Http(http) => format!("{} {}", http.method.as_deref().unwrap_or("*"), http.path),
                WiringKind::Cron(cron) => {
                    let name = cron.source.name().unwrap_or("*");
                    let zone = if cron.time_zone == "UTC" { String::new() } else { format!(" {}", cron.time_zone) };
                    format!("{name} ({}{zone})", cron.expression)
                }
                other => other.source().and_then(|source| source.name()).unwrap_or("*").to_owned(),
            };
            let kind = match &wiring.kind {
                WiringKind::Cron(_) => "schedule",
                other => other.name(),
            };
            [kind.to_owned(), source, wiring.function.clone(), group.name.clone()]
        })
    })
}

fn rows(manifest: &Manifest) -> String {
    let rows: Vec<Vec<String>> = parts(manifest).map(Vec::from).collect();
    table(&["kind", "source", "function", "group"], 4, &rows)
}

fn wirings(manifest: &Manifest) -> Value {
    parts(manifest)
        .map(|[kind, source, function, group]| json!({"kind": kind, "source": source, "function": function, "group": group}))
        .collect()
}

/// The schedules by name, each with its function.
pub(super) fn schedules(manifest: &Manifest) -> Vec<(String, String)> {
    let wirings = manifest.groups.iter().flat_map(|group| &group.wirings);
    wirings
        .filter_map(|wiring| match &wiring.kind {
            WiringKind::Cron(cron) => Some((cron.source.name()?.to_owned(), wiring.function.clone())),
            _ => None,
        })
        .collect()
}
