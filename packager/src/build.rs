//! One `cargo build` of a generated workspace, with progress.

use crate::{
    error::Error,
    output::Talk,
    project::Project,
    toolchain::{Linker, Toolchain},
    workspace::Workspace,
};
use cargo_metadata::Message;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rustix::process::{Pid, Signal, kill_process_group};
use std::{
    collections::{BTreeMap, HashSet},
    ffi::OsString,
    io::{BufRead as _, BufReader},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// A build that is about to be made.
#[derive(Debug)]
pub(crate) struct Cargo<'p> {
    project: &'p Project,
    dir: PathBuf,
    toolchain: Option<&'p Toolchain>,
    target_dir: PathBuf,
    optimised: bool,
    interrupt: Option<Interrupt>,
    /// Whether the app's folder gets another name in what is built.
    hides_app: bool,
}

/// Ends a build from another thread.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt(Arc<Mutex<Building>>);

#[derive(Debug, Default)]
struct Building {
    interrupted: bool,
    /// Cargo's group of processes, while it runs.
    group: Option<Pid>,
}

impl Interrupt {
    /// Ends the build, the compilers that Cargo has started included, or lets none begin.
    pub(crate) fn end(&self) {
        let mut building = self.building();
        building.interrupted = true;
        if let Some(group) = building.group.take() {
            // It may have ended by itself.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }

    fn building(&self) -> MutexGuard<'_, Building> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'p> Cargo<'p> {
    /// A development build for the host.
    pub(crate) fn new(project: &'p Project, workspace: &Workspace) -> Self {
        let dir = workspace.dir().to_path_buf();
        Self {
            project,
            target_dir: dir.join("target"),
            dir,
            toolchain: None,
            optimised: false,
            interrupt: None,
            hides_app: false,
        }
    }

    /// The same with another folder for what is built.
    pub(crate) fn within(self, target_dir: PathBuf) -> Self {
        Self { target_dir, ..self }
    }

    /// The same, optimised or not.
    pub(crate) fn optimised(self, optimised: bool) -> Self {
        Self { optimised, ..self }
    }

    /// The same, which can be ended.
    pub(crate) fn interruptible(self, interrupt: &Interrupt) -> Self {
        Self { interrupt: Some(interrupt.clone()), ..self }
    }

    /// A release build for a platform.
    pub(crate) fn release(project: &'p Project, workspace: &Workspace, toolchain: &'p Toolchain) -> Self {
        let development = Self::new(project, workspace);
        // Cargo builds all crates anew when their linker changes; zig has a folder of its own.
        let folder = if toolchain.linker == Linker::Zig { "target-zig" } else { "target" };
        Self { toolchain: Some(toolchain), target_dir: development.dir.join(folder), ..development }
    }

    /// The same, where the app's folder gets another name in what is built. Cargo then builds every crate anew for an app in
    /// another folder.
    pub(crate) fn hiding_app(self) -> Self {
        Self { hides_app: true, ..self }
    }

    /// Builds everything in the workspace; gives its programs by name.
    pub(crate) fn build(&self, what: &str, mut progress: Progress) -> Result<BTreeMap<String, PathBuf>, Error> {
        let mut command = self.command(progress.color);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.spawn(&mut command)?;
        let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(Error::bug("cargo has no output"));
        };
        let bar = progress.bar.clone();
        let talk = thread::spawn(move || {
            for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                bar.suspend(|| eprintln!("{line}"));
            }
        });
        let mut programs = BTreeMap::new();
        for message in Message::parse_stream(BufReader::new(stdout)) {
            let message = message.map_err(|source| Error::Io {
                action: "read what cargo says about",
                path: self.dir.clone(),
                source,
            })?;
            match message {
                Message::CompilerArtifact(artifact) => {
                    progress.step(&self.dir, artifact.package_id.repr, &artifact.target.name);
                    if artifact.target.is_custom_build() {
                        continue;
                    }
                    // A library of WebAssembly has the name of its package with underscores.
                    let module = artifact.filenames.into_iter().find(|file| file.extension() == Some("wasm"));
                    let module = module.map(|module| (artifact.target.name.replace('_', "-"), module));
                    let program = artifact.executable.map(|program| (artifact.target.name, program));
                    programs.extend(program.or(module).map(|(name, path)| (name, path.into_std_path_buf())));
                }
                // A line that is no message is what a procedural macro or a build script printed.
                Message::TextLine(line) => progress.bar.suspend(|| eprintln!("{line}")),
                _ => {}
            }
        }
        // Cargo ends, and its number may soon be another process's.
        if let Some(interrupt) = &self.interrupt {
            interrupt.building().group = None;
        }
        let status = child.wait().map_err(Error::io("wait for cargo in", &self.dir))?;
        if talk.join().is_err() {
            return Err(Error::bug("the thread that passes on cargo's words panicked"));
        }
        if !status.success() {
            progress.bar.finish_and_clear();
            let rust_only = self.toolchain.is_some_and(|toolchain| toolchain.linker == Linker::RustLld);
            let hint = rust_only.then(|| {
                "if a dependency compiles C code, install zig and cargo-zigbuild (`pip install ziglang cargo-zigbuild`)"
                    .to_owned()
            });
            return Err(Error::Build { what: what.to_owned(), hint });
        }
        progress.finish();
        Ok(programs)
    }

    /// Starts Cargo: where it can be ended, in a group of its own with the compilers that it starts.
    fn spawn(&self, command: &mut Command) -> Result<Child, Error> {
        let failed = |source| Error::MissingProgram { program: program(), source };
        let Some(interrupt) = &self.interrupt else { return command.spawn().map_err(failed) };
        let mut building = interrupt.building();
        if building.interrupted {
            return Err(Error::Build { what: "what was interrupted".to_owned(), hint: None });
        }
        let child = command.process_group(0).spawn().map_err(failed)?;
        building.group = Some(Pid::from_child(&child));
        Ok(child)
    }

    fn command(&self, color: bool) -> Command {
        let zig = self.toolchain.as_ref().is_some_and(|toolchain| toolchain.linker == Linker::Zig);
        let mut command = Command::new(program());
        // The app's folder decides which toolchain and which Cargo configuration hold.
        command.current_dir(&self.project.package_dir);
        command.arg(if zig { "zigbuild" } else { "build" });
        command.arg("--manifest-path").arg(self.dir.join("Cargo.toml"));
        command.arg("--target-dir").arg(&self.target_dir);
        command.args(["--quiet", "--message-format", "json-render-diagnostics"]);
        command.args(["--color", if color { "always" } else { "never" }]);
        if self.project.offline {
            command.arg("--offline");
        }
        if self.optimised {
            command.arg("--release");
        }
        if let Some(toolchain) = self.toolchain {
            command.args(["--release", "--workspace", "--target", &toolchain.target_argument()]);
            if toolchain.std_source.is_some() {
                // Only nightly compilers take `-Z`; a stable one takes it as well when it is told to.
                command.args(["-Z", "build-std=std,panic_abort"]).env("RUSTC_BOOTSTRAP", "1");
            }
            self.flags(toolchain, &mut command);
            if zig {
                // Left to itself zig's C compiler writes debug information, which names folders of this machine.
                let name = format!("CFLAGS_{}", toolchain.triple.replace('-', "_"));
                let theirs = std::env::var(&name).unwrap_or_default();
                command.env(name, format!("{theirs} -g0").trim_start());
            }
        }
        command
    }

    /// Adds to the user's flags those of the bundles. Variables go before configuration in Cargo, so the flags go where
    /// the user's are.
    fn flags(&self, toolchain: &Toolchain, command: &mut Command) {
        let mut flags = toolchain.rustflags();
        flags.extend(self.remaps());
        let from_variables = std::env::var("CARGO_ENCODED_RUSTFLAGS")
            .map(|flags| flags.split('\u{1f}').map(str::to_owned).collect::<Vec<_>>())
            .or_else(|_| std::env::var("RUSTFLAGS").map(|f| f.split_whitespace().map(str::to_owned).collect()));
        match from_variables {
            Ok(mut theirs) => {
                theirs.retain(|flag| !flag.is_empty());
                theirs.extend(flags);
                command.env("CARGO_ENCODED_RUSTFLAGS", theirs.join("\u{1f}"));
            }
            Err(_) if toolchain.linker == Linker::Zig => {
                command.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));
            }
            Err(_) => {
                let list: Vec<String> = flags.iter().map(|flag| format!("{flag:?}")).collect();
                command.arg("--config").arg(format!("target.{}.rustflags=[{}]", toolchain.triple, list.join(",")));
            }
        }
    }

    /// No folder of this machine may reach a bundle.
    fn remaps(&self) -> Vec<String> {
        let home = std::env::var_os("CARGO_HOME")
            .map(PathBuf::from)
            .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")));
        // The last that fits is used, so the narrowest comes last.
        let mut folders = Vec::new();
        folders.extend(home.map(|home| (home, "/cargo")));
        let source = self.toolchain.and_then(|toolchain| toolchain.std_source.clone());
        folders.extend(source.map(|source| (source, "/rust")));
        folders.extend(self.hides_app.then(|| (self.project.linked_dir.clone(), "/app")));
        folders.push((self.dir.clone(), "/bundle"));
        folders.iter().map(|(folder, name)| format!("--remap-path-prefix={}={name}", folder.display())).collect()
    }
}

/// How far a build is: a bar on a terminal, one line at the end elsewhere.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    talk: Talk,
    color: bool,
    what: String,
    begun: Instant,
    seen: HashSet<String>,
}

impl Progress {
    pub(crate) fn new(talk: &Talk, verb: &str, what: &str) -> Self {
        let bar = if talk.is_terminal() {
            ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr())
        } else {
            ProgressBar::hidden()
        };
        let color = if talk.has_color() { ".green.bold" } else { "" };
        let template = format!("{{prefix:>12{color}}} [{{bar:24}}] {{pos}}/{{len}} {{wide_msg}}");
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_prefix(verb.to_owned());
        bar.set_message(what.to_owned());
        if talk.is_terminal() {
            bar.enable_steady_tick(Duration::from_millis(200));
        } else {
            talk.done(verb, what);
        }
        Self {
            bar,
            talk: talk.clone(),
            color: talk.has_color(),
            what: what.to_owned(),
            begun: Instant::now(),
            seen: HashSet::new(),
        }
    }

    /// Notes a compiled package.
    fn step(&mut self, workspace: &Path, package: String, name: &str) {
        if self.bar.length().is_none() {
            // Cargo has resolved the workspace by now; a few of the lock file's packages are for other systems.
            let lock = std::fs::read_to_string(workspace.join("Cargo.lock")).unwrap_or_default();
            self.bar.set_length(lock.matches("[[package]]").count() as u64);
        }
        if self.seen.insert(package) {
            self.bar.inc(1);
        }
        self.bar.set_message(format!("{}: {name}", self.what));
    }

    fn finish(self) {
        self.bar.finish_and_clear();
        self.talk.done("Built", &format!("{} in {:.1} s", self.what, self.begun.elapsed().as_secs_f64()));
    }
}

fn program() -> String {
    std::env::var_os("CARGO").map_or_else(|| "cargo".to_owned(), |cargo: OsString| cargo.to_string_lossy().into_owned())
}
