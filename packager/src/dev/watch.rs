//! Which files the app is made of, and when they change.
//!
//! Folders are watched one by one rather than whole trees, so that what is built and what is installed beside the sources is
//! not. A change counts where it is of a Rust source, of a Cargo manifest, of a folder, or of a file that the compiler has
//! read ([`Inputs`]); a database that the app writes beside its sources does not.

use super::{DevError, session::Event};
use crate::{error::Error, project::Project};
use notify::{
    RecommendedWatcher, RecursiveMode, Watcher as _,
    event::{CreateKind, EventKind, ModifyKind, RemoveKind},
};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Notify, mpsc},
    time::{Instant, timeout, timeout_at},
};

/// How long files have to be quiet before a change is one: an editor that saves all, or a checkout, is one change.
const QUIET: Duration = Duration::from_millis(100);

/// How long a change goes on at most.
const LONGEST: Duration = Duration::from_secs(2);

/// How often a folder that is gone is looked for.
const GONE: Duration = Duration::from_millis(500);

/// The most folders that are watched.
const MOST: usize = 20_000;

/// What has changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    /// The first of the files.
    pub(super) first: PathBuf,
    /// How many there are.
    pub(super) count: usize,
    /// Whether a manifest is among them, so that Cargo has to be asked anew.
    pub(super) manifests: bool,
}

/// Watches the files of an app.
#[derive(Debug)]
pub(super) struct Watch {
    watcher: RecommendedWatcher,
    watched: BTreeSet<PathBuf>,
    roots: Vec<PathBuf>,
    seen: Seen,
}

/// What the watcher's thread has seen.
#[derive(Clone, Debug, Default)]
struct Seen(Arc<(Mutex<State>, Notify)>);

#[derive(Debug, Default)]
struct State {
    roots: Vec<PathBuf>,
    inputs: BTreeSet<PathBuf>,
    changed: BTreeSet<PathBuf>,
    folders: bool,
}

impl Seen {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        self.0.1.notify_one();
    }

    /// Notes an event of the file system.
    fn note(&self, event: notify::Event) {
        let (folder, removed) = match event.kind {
            EventKind::Access(_) => return,
            EventKind::Create(CreateKind::Folder) => (true, false),
            EventKind::Remove(RemoveKind::Folder) => (true, true),
            EventKind::Modify(ModifyKind::Name(_)) => (event.paths.iter().any(|path| path.is_dir()), false),
            _ => (false, false),
        };
        let mut state = self.state();
        state.folders |= folder || event.need_rescan();
        let counted: Vec<PathBuf> =
            event.paths.into_iter().filter(|path| state.counts(path) || (removed && state.is_inside(path))).collect();
        state.changed.extend(counted);
        if state.folders || !state.changed.is_empty() {
            drop(state);
            self.wake();
        }
    }
}

impl State {
    fn is_inside(&self, path: &Path) -> bool {
        self.roots.iter().any(|root| path.starts_with(root))
    }

    /// Whether a change of this path may change the app.
    fn counts(&self, path: &Path) -> bool {
        if self.inputs.contains(path) || self.roots.iter().any(|root| root == path) {
            return true;
        }
        // A folder of them that comes or goes.
        if self.is_inside(path) && self.inputs.iter().any(|input| input.starts_with(path)) {
            return true;
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // Editors write `.name.rs.swp` and `.#name.rs` aside.
        let is_source =
            !name.starts_with('.') && (name.ends_with(".rs") || name == "Cargo.toml" || name == "pikku.toml");
        is_source && self.is_inside(path)
    }
}

impl Watch {
    /// Begins to watch an app; its changes are [`Event`]s.
    pub(super) fn begin(project: &Project, events: mpsc::Sender<Event>) -> Result<Self, Error> {
        let seen = Seen::default();
        tokio::spawn(tell(seen.clone(), events));
        let noting = seen.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| match event {
            Ok(event) => noting.note(event),
            // Something may have been missed: everything is looked at again.
            Err(_) => {
                noting.state().folders = true;
                noting.wake();
            }
        });
        let watcher = watcher.map_err(|source| Error::Dev(DevError::Watch { source }))?;
        let mut watch = Self { watcher, watched: BTreeSet::new(), roots: Vec::new(), seen };
        watch.follow(project, None)?;
        Ok(watch)
    }

    /// Watches what the app is made of now; `program` is what was built of it.
    pub(super) fn follow(&mut self, project: &Project, program: Option<&Path>) -> Result<(), Error> {
        let mut state = self.seen.state();
        self.roots = project.local_dirs.clone();
        state.roots = project.local_dirs.clone();
        if let Some(program) = program {
            state.inputs = inputs(program);
        }
        for name in ["Cargo.toml", "Cargo.lock", ".cargo/config.toml", "rust-toolchain.toml"] {
            state.inputs.insert(project.workspace_dir.join(name));
        }
        drop(state);
        self.look().map(drop)
    }

    /// Watches the folders that are there now. What is in new ones may have been written before they were watched: it is a
    /// change.
    pub(super) fn scan(&mut self) -> Result<(), Error> {
        let new = self.look()?;
        let mut state = self.seen.state();
        for folder in new {
            // One that cannot be read, or is gone again, has nothing to tell.
            let files = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
            let counted: Vec<PathBuf> = files.filter(|path| state.counts(path) && path.is_file()).collect();
            state.changed.extend(counted);
        }
        if !state.changed.is_empty() {
            drop(state);
            self.seen.wake();
        }
        Ok(())
    }

    /// Watches the folders that are there now, and gives those that it did not watch before.
    fn look(&mut self) -> Result<Vec<PathBuf>, Error> {
        let mut news = Vec::new();
        let mut found = BTreeSet::new();
        for root in &self.roots {
            folders(root, &mut found);
            // Where the folder itself comes and goes.
            found.extend(root.parent().map(Path::to_owned));
        }
        let inputs = self.seen.state().inputs.clone();
        found.extend(
            inputs.iter().filter_map(|file| file.parent()).filter(|folder| folder.is_dir()).map(Path::to_owned),
        );
        for gone in self.watched.difference(&found) {
            // A folder that is gone is not watched any more.
            let _ = self.watcher.unwatch(gone);
        }
        self.watched.retain(|folder| found.contains(folder));
        for new in found {
            if self.watched.contains(&new) {
                continue;
            }
            match self.watcher.watch(&new, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    news.push(new.clone());
                    self.watched.insert(new);
                }
                // It was removed since it was found.
                Err(_) if !new.is_dir() => {}
                Err(source) => return Err(Error::Dev(DevError::Watch { source })),
            }
        }
        Ok(news)
    }
}

/// Tells of changes when files are quiet again, for as long as somebody listens.
async fn tell(seen: Seen, events: mpsc::Sender<Event>) {
    let mut missing = Vec::new();
    loop {
        let roots = seen.state().roots.clone();
        missing.extend(roots.into_iter().filter(|root| !root.is_dir()));
        if missing.is_empty() {
            seen.0.1.notified().await;
        } else {
            // A folder that is gone tells nothing when it comes back, where the one above is gone too.
            let _ = timeout(GONE, seen.0.1.notified()).await;
            let back: Vec<PathBuf> = missing.extract_if(.., |root| root.is_dir()).collect();
            missing.clear();
            let mut state = seen.state();
            state.folders |= !back.is_empty();
            state.changed.extend(back);
        }
        let end = Instant::now() + LONGEST;
        while timeout_at(end.min(Instant::now() + QUIET), seen.0.1.notified()).await.is_ok() {}
        let (changed, folders) = {
            let mut state = seen.state();
            (std::mem::take(&mut state.changed), std::mem::take(&mut state.folders))
        };
        let manifest = |path: &PathBuf| path.extension().is_some_and(|kind| kind == "toml" || kind == "lock");
        let changes = changed.first().map(|first| Changes {
            first: first.clone(),
            count: changed.len(),
            manifests: changed.iter().any(manifest),
        });
        if (folders || changes.is_some()) && events.send(Event::Changed { folders, changes }).await.is_err() {
            return;
        }
    }
}

/// A folder and those in it, but for what is hidden, built or installed.
fn folders(folder: &Path, found: &mut BTreeSet<PathBuf>) {
    let mut left = vec![folder.to_owned()];
    while let Some(folder) = left.pop() {
        // Cargo marks what it fills so.
        if found.len() >= MOST || folder.join("CACHEDIR.TAG").exists() {
            continue;
        }
        // One that cannot be read, or is no longer there, has nothing to watch.
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        found.insert(folder);
        for entry in entries.flatten() {
            let name = entry.file_name();
            let skipped = name.to_string_lossy().starts_with('.') || name == "node_modules";
            if !skipped && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                left.push(entry.path());
            }
        }
    }
}

/// The files that a program was made of, as the compiler has written them down beside it.
fn inputs(program: &Path) -> BTreeSet<PathBuf> {
    let text = fs::read_to_string(program.with_extension("d")).unwrap_or_default();
    let Some((_, files)) = text.lines().next().unwrap_or_default().split_once(": ") else { return BTreeSet::new() };
    // A space in a path is written with a backslash before it.
    let files = files.replace("\\ ", "\0");
    let files = files.split(' ').map(|file| PathBuf::from(file.replace('\0', " ")));
    files.filter_map(|file| file.canonicalize().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(root: &str, inputs: &[&str]) -> State {
        State { roots: vec![root.into()], inputs: inputs.iter().map(PathBuf::from).collect(), ..State::default() }
    }

    #[test]
    fn what_the_app_is_made_of_counts_and_nothing_else() {
        let state = state("/a/hello", &["/a/hello/texts/en.txt", "/a/Cargo.lock"]);
        for path in ["/a/hello/src/lib.rs", "/a/hello/Cargo.toml", "/a/hello/texts/en.txt", "/a/Cargo.lock", "/a/hello"]
        {
            assert!(state.counts(Path::new(path)), "{path}");
        }
        for path in ["/a/hello/shop.db", "/a/hello/.lib.rs.swp", "/a/hello/src/.#lib.rs", "/a/other/src/lib.rs", "/a"] {
            assert!(!state.counts(Path::new(path)), "{path}");
        }
    }

    #[test]
    fn folders_that_are_built_or_hidden_are_left_out() {
        let root = tempfile::tempdir().unwrap();
        for folder in ["src/deep", "target/debug", ".git/objects", "web/node_modules/x"] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        fs::write(root.path().join("target/CACHEDIR.TAG"), "").unwrap();
        let mut found = BTreeSet::new();
        folders(root.path(), &mut found);
        let found: Vec<_> =
            found.iter().map(|folder| folder.strip_prefix(root.path()).unwrap().to_str().unwrap()).collect();
        assert_eq!(found, ["", "src", "src/deep", "web"]);
    }

    #[test]
    fn the_files_of_a_program_are_read() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        fs::write(root.join("with space.rs"), "").unwrap();
        fs::write(root.join("b.txt"), "").unwrap();
        let escaped = root.join("with space.rs").display().to_string().replace(' ', "\\ ");
        let line = format!("{0}/program: {escaped} {0}/b.txt {0}/gone.rs\n", root.display());
        fs::write(root.join("program.d"), line).unwrap();
        let found: Vec<PathBuf> = inputs(&root.join("program")).into_iter().collect();
        assert_eq!(found, [root.join("b.txt"), root.join("with space.rs")]);
    }
}
