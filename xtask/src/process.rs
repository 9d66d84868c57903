//! Child processes that cannot hang for ever.
//!
//! A program runs with no standard input and a time limit. When the limit passes it is asked to end (SIGTERM, which
//! nextest and cargo pass on), and ten seconds later it and all of its descendants are killed.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::failure::Failure;

const POLL: Duration = Duration::from_millis(20);
const GRACE: Duration = Duration::from_secs(10);

/// A program to run, with its arguments and its limit.
#[derive(Debug)]
pub(crate) struct Program {
    command: Command,
    limit: Duration,
    /// Where a copy of the output goes.
    record: Option<PathBuf>,
}

/// What a program left behind whose output was captured.
#[derive(Debug)]
pub(crate) struct Captured {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

impl Program {
    /// A program with a limit of ten minutes.
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(program);
        command.stdin(Stdio::null());
        Self { command, limit: Duration::from_secs(600), record: None }
    }

    /// The cargo that runs this program.
    pub(crate) fn cargo() -> Self {
        Self::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
    }

    pub(crate) fn args<I: IntoIterator<Item = A>, A: AsRef<OsStr>>(mut self, args: I) -> Self {
        self.command.args(args);
        self
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn within(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    pub(crate) fn limit(mut self, seconds: u64) -> Self {
        self.limit = Duration::from_secs(seconds);
        self
    }

    /// Keeps a copy of the output in a file, which grows.
    pub(crate) fn record(mut self, path: impl Into<PathBuf>) -> Self {
        self.record = Some(path.into());
        self
    }

    /// The command line, for people.
    pub(crate) fn line(&self) -> String {
        let program = Path::new(self.command.get_program()).file_name().unwrap_or(self.command.get_program());
        let mut line = OsString::from(program);
        for arg in self.command.get_args() {
            line.push(" ");
            line.push(arg);
        }
        line.to_string_lossy().into_owned()
    }

    /// Prints the command line, runs it with its output going through, and wants success.
    pub(crate) fn run(mut self) -> Result<(), Failure> {
        eprintln!("   $ {}", self.line());
        let Some(path) = self.record.take() else {
            let mut child = self.spawn()?;
            let status = self.wait(&mut child)?;
            return self.succeeded(status);
        };
        let failed = Failure::file("write to", &path);
        let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
        let file = folder.and_then(|()| fs::OpenOptions::new().create(true).append(true).open(&path));
        let (file, other) = match file.and_then(|file| file.try_clone().map(|other| (file, other))) {
            Ok(files) => files,
            Err(error) => return Err(failed(error)),
        };
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.spawn()?;
        let copies =
            [copy(child.stdout.take(), std::io::stdout(), file), copy(child.stderr.take(), std::io::stderr(), other)];
        let status = self.wait(&mut child)?;
        let ended = Instant::now();
        for copied in copies {
            // Something that outlives the program may hold its output open.
            while !copied.is_finished() && ended.elapsed() < GRACE {
                thread::sleep(POLL);
            }
            let early = || std::io::Error::other("its reader ended early");
            let copied = if copied.is_finished() { copied.join().map_err(|_| early()).flatten() } else { Ok(()) };
            copied.map_err(Failure::file("write to", &path))?;
        }
        self.succeeded(status)
    }

    /// Runs it with its output captured, and wants success.
    pub(crate) fn read(self) -> Result<String, Failure> {
        let command = self.line();
        let captured = self.capture()?;
        if !captured.status.success() {
            eprint!("{}", String::from_utf8_lossy(&captured.stderr));
            return Err(Failure::Exit { command, status: captured.status });
        }
        String::from_utf8(captured.stdout).map_err(|e| Failure::Output { command, reason: e.to_string() })
    }

    /// Runs it with its output captured, whatever its exit status.
    pub(crate) fn capture(mut self) -> Result<Captured, Failure> {
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.spawn()?;
        let stdout = reader(child.stdout.take());
        let stderr = reader(child.stderr.take());
        let status = self.wait(&mut child)?;
        let command = self.line();
        let joined = |thread: thread::JoinHandle<std::io::Result<Vec<u8>>>| {
            thread
                .join()
                .map_err(|_| Failure::Output { command: command.clone(), reason: "its reader ended early".into() })?
                .map_err(|e| Failure::Output { command: command.clone(), reason: e.to_string() })
        };
        Ok(Captured { status, stdout: joined(stdout)?, stderr: joined(stderr)? })
    }

    fn spawn(&mut self) -> Result<Child, Failure> {
        self.command.spawn().map_err(|source| Failure::Start { command: self.line(), source })
    }

    fn succeeded(&self, status: ExitStatus) -> Result<(), Failure> {
        if status.success() { Ok(()) } else { Err(Failure::Exit { command: self.line(), status }) }
    }

    fn wait(&self, child: &mut Child) -> Result<ExitStatus, Failure> {
        let failed = |source| Failure::Start { command: self.line(), source };
        let end = Instant::now() + self.limit;
        while Instant::now() < end {
            if let Some(status) = child.try_wait().map_err(failed)? {
                return Ok(status);
            }
            thread::sleep(POLL);
        }
        let family = descendants(child.id());
        signal("TERM", &[child.id()]);
        let end = Instant::now() + GRACE;
        while Instant::now() < end && child.try_wait().map_err(failed)?.is_none() {
            thread::sleep(POLL);
        }
        signal("KILL", &family);
        child.kill().map_err(failed)?;
        child.wait().map_err(failed)?;
        Err(Failure::TimedOut { command: self.line(), limit: self.limit })
    }
}

fn reader(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<std::io::Result<Vec<u8>>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            pipe.read_to_end(&mut bytes)?;
        }
        Ok(bytes)
    })
}

/// Sends a signal; a process that has ended meanwhile is no mistake.
fn signal(name: &str, processes: &[u32]) {
    if processes.is_empty() {
        return;
    }
    let sent = Command::new("kill")
        .arg(format!("-{name}"))
        .args(processes.iter().map(u32::to_string))
        .stderr(Stdio::null())
        .status();
    if let Err(why) = sent {
        eprintln!("warning: could not send SIG{name} to {processes:?}: {why}");
    }
}

/// Copies what a program writes, as it comes, to where it would go and to a file.
fn copy(
    pipe: Option<impl Read + Send + 'static>,
    mut shown: impl Write + Send + 'static,
    mut file: fs::File,
) -> thread::JoinHandle<std::io::Result<()>> {
    thread::spawn(move || {
        let Some(mut pipe) = pipe else { return Ok(()) };
        let mut octets = [0; 8192];
        loop {
            match pipe.read(&mut octets)? {
                0 => return Ok(()),
                read => {
                    file.write_all(&octets[..read])?;
                    shown.write_all(&octets[..read])?;
                    shown.flush()?;
                }
            }
        }
    })
}

/// Every process below `root`, from `/proc`; none where there is no such folder.
fn descendants(root: u32) -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let parents: Vec<(u32, u32)> = entries
        .flatten()
        .filter_map(|entry| {
            let process: u32 = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            // "pid (name) state parent ...": the name may hold anything, a parenthesis too.
            let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
            Some((process, parent))
        })
        .collect();
    let mut family = vec![root];
    let mut at = 0;
    while at < family.len() {
        let parent = family[at];
        family.extend(parents.iter().filter(|(_, p)| *p == parent).map(|(process, _)| *process));
        at += 1;
    }
    family.split_off(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_hangs_is_killed_with_its_children() {
        let started = Instant::now();
        let outcome = Program::new("sh").args(["-c", "sleep 987 & wait"]).limit(1).capture();
        assert!(matches!(outcome, Err(Failure::TimedOut { .. })), "{outcome:?}");
        assert!(started.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn output_is_recorded() {
        let path = std::env::temp_dir().join(format!("recorded-{}", std::process::id()));
        for text in ["one", "two"] {
            let outcome = Program::new("sh").args(["-c", &format!("echo {text}; echo {text} >&2")]).record(&path).run();
            assert!(outcome.is_ok(), "{outcome:?}");
        }
        let written = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!((written.matches("one\n").count(), written.matches("two\n").count()), (2, 2), "{written}");
        assert!(fs::remove_file(&path).is_ok());
    }

    #[test]
    fn output_larger_than_a_pipe_is_captured() {
        let text = Program::new("sh").args(["-c", "head -c 300000 /dev/zero | tr '\\0' x"]).read();
        assert_eq!(text.map(|t| t.len()).ok(), Some(300_000));
    }

    #[test]
    fn descendants_of_this_process_hold_its_child() {
        let child = Command::new("sleep").arg("30").spawn();
        let Ok(mut child) = child else { panic!("no sleep here") };
        let family = descendants(std::process::id());
        let killed = child.kill().and_then(|()| child.wait());
        assert!(family.contains(&child.id()), "{family:?}");
        assert!(killed.is_ok());
    }
}
