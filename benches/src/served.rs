//! Servers that are run to be measured: started, asked, looked at and ended.

use crate::failure::Failure;
use nix::{
    errno::Errno,
    sys::signal::{Signal, kill},
    time::{clock_getcpuclockid, clock_gettime},
    unistd::Pid,
};
use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::mpsc::channel,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// What every server prints when it listens, before its address.
const LISTENING: &str = "listening on http://";

/// How long a server may take until it listens, and then to end; counting instructions makes it fifty times slower.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that runs. It is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Served {
    program: String,
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    said: Option<JoinHandle<String>>,
}

impl Served {
    /// Starts a server on a free port and waits until it listens.
    pub(crate) fn start(command: &mut Command) -> Result<Self, Failure> {
        let program = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .env("PIKKU_ADDRESS", "127.0.0.1:0")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(Failure::start(&program))?;
        let (tell, told) = channel();
        let said = child.stderr.take().map(|stderr| {
            thread::spawn(move || {
                let (mut lines, mut all) = (BufReader::new(stderr), String::new());
                let mut line = String::new();
                // What ends it, or is no text, ends what is kept of it.
                while lines.read_line(&mut line).is_ok_and(|length| length > 0) {
                    if let Some(address) = address(&line) {
                        // Nobody waits for a second one.
                        let _ = tell.send(address);
                    }
                    all.push_str(&line);
                    line.clear();
                }
                all
            })
        });
        match told.recv_timeout(PATIENCE) {
            Ok(address) => Ok(Self { program, child, address, said }),
            Err(_) => {
                // It may have ended by itself.
                let _ = child.kill();
                let status = child.wait().map_err(Failure::start(&program))?;
                let said = said.and_then(|said| said.join().ok()).unwrap_or_default();
                Err(Failure::Exit { program, status, said })
            }
        }
    }

    /// The CPU time that it has had, in milliseconds.
    pub(crate) fn spent(&self) -> Result<f64, Failure> {
        spent(self.child.id())
    }

    /// The most memory that it has had at a time, in bytes (proc_pid_status(5): `VmHWM`).
    pub(crate) fn peak(&self) -> Result<f64, Failure> {
        let path = PathBuf::from(format!("/proc/{}/status", self.child.id()));
        let status = fs::read_to_string(&path).map_err(Failure::file(&path))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<f64>().ok());
        kilobytes.map(|value| value * 1024.0).ok_or_else(|| Failure::answer(&self.program, "it has ended"))
    }

    /// Asks it to stop and waits until it has.
    pub(crate) fn end(mut self) -> Result<(), Failure> {
        let process = i32::try_from(self.child.id())
            .map(Pid::from_raw)
            .map_err(|error| Failure::System { doing: "name a process", source: std::io::Error::other(error) })?;
        kill(process, Signal::SIGTERM).map_err(Failure::system("end a process"))?;
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if self.child.try_wait().map_err(Failure::start(&self.program))?.is_some() {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(10));
        }
        Err(Failure::Late { program: self.program.clone() })
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // Where it has ended already there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
        drop(self.said.take());
    }
}

/// The CPU time that a process has had, in milliseconds, by its own clock (clock_getcpuclockid(3)): that counts nanoseconds,
/// `/proc` hundredths of a second.
pub(crate) fn spent(process: u32) -> Result<f64, Failure> {
    let time = i32::try_from(process)
        .map_err(|_| Errno::ESRCH)
        .and_then(|process| clock_getcpuclockid(Pid::from_raw(process)))
        .and_then(clock_gettime)
        .map_err(Failure::system("read the clock of a process"))?;
    Ok(Duration::from(time).as_secs_f64() * 1e3)
}

/// The address in a line.
fn address(line: &str) -> Option<SocketAddr> {
    let after = line.split_once(LISTENING)?.1;
    let end = after.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ':')).unwrap_or(after.len());
    after[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_in_any_line() {
        let wanted = "127.0.0.1:4711".parse().ok();
        for line in [r#"{"message":"listening on http://127.0.0.1:4711"}"#, "listening on http://127.0.0.1:4711\n"] {
            assert_eq!(address(line), wanted);
        }
        assert_eq!(address("listening"), None);
    }

    #[test]
    fn a_server_that_ends_says_why() {
        let error = Served::start(Command::new("sh").args(["-c", "echo the reason >&2; exit 3"])).unwrap_err();
        assert!(matches!(error, Failure::Exit { .. }) && error.to_string().contains("the reason"), "{error}");
    }
}
