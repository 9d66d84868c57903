//! Programs that are run to be measured: how many instructions they take, how much CPU time.

use crate::{failure::Failure, runtime_api::Replay};
use nix::{
    sys::{
        resource::{Usage, UsageWho, getrusage},
        signal::{Signal, kill},
        time::TimeValLike,
    },
    unistd::Pid,
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
    time::Duration,
};

/// How long a program may take for its events; counting instructions makes it fifty times slower.
const PATIENCE: Duration = Duration::from_secs(600);
/// How long a program may take to go to sleep once it has asked for an event that does not come.
const SETTLE: Duration = Duration::from_millis(300);

/// The two numbers of repetitions whose difference gives the cost of one, free of what is paid once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counts {
    pub(crate) few: usize,
    pub(crate) many: usize,
}

impl Counts {
    /// A hundred, and a thousand more; when in a hurry, a tenth of that.
    pub(crate) fn new(quick: bool) -> Self {
        if quick { Self { few: 10, many: 110 } } else { Self { few: 100, many: 1100 } }
    }

    /// The cost of one.
    pub(crate) fn each(self, few: u64, many: u64) -> f64 {
        many.saturating_sub(few) as f64 / (self.many - self.few) as f64
    }
}

/// What runs inside a sandbox, and what it is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Invoked<'a> {
    /// The bootstrap.
    pub(crate) program: &'a Path,
    /// The event.
    pub(crate) event: &'a [u8],
    /// What the answer must hold.
    pub(crate) expect: &'a str,
}

/// The instructions of one event.
pub(crate) fn instructions_per_event(invoked: Invoked<'_>, counts: Counts, scratch: &Path) -> Result<f64, Failure> {
    let few = instructions_of_sandbox(invoked, counts.few, scratch)?;
    let many = instructions_of_sandbox(invoked, counts.many, scratch)?;
    Ok(counts.each(few, many))
}

/// The instructions from `exec` until the program waits for its first event.
pub(crate) fn instructions_of_start(program: &Path, scratch: &Path) -> Result<f64, Failure> {
    instructions_of_sandbox(Invoked { program, event: b"", expect: "" }, 0, scratch).map(|count| count as f64)
}

/// The milliseconds of CPU from `exec` until the program waits for its first event.
pub(crate) fn cpu_of_start(program: &Path) -> Result<f64, Failure> {
    let before = cpu()?;
    let invoked = Invoked { program, event: b"", expect: "" };
    in_sandbox(&mut Command::new(program), invoked, 0, Duration::from_millis(5))?;
    Ok((cpu()? - before) * 1000.0)
}

/// The instructions of one of the calls that a program makes itself.
pub(crate) fn instructions_per_call(
    program: &Path,
    work: &str,
    counts: Counts,
    scratch: &Path,
) -> Result<f64, Failure> {
    let run = |count: usize| {
        let out = scratch.join("callgrind.out");
        let mut command = callgrind(program, &out);
        succeed(command.arg(work).arg(count.to_string()))?;
        totals(&out)
    };
    Ok(counts.each(run(counts.few)?, run(counts.many)?))
}

/// Runs a command to its end and wants success; gives what it printed and the CPU seconds it and its children took.
pub(crate) fn cpu_seconds(command: &mut Command) -> Result<(Output, f64), Failure> {
    let before = cpu()?;
    let output = succeed(command)?;
    Ok((output, cpu()? - before))
}

/// Runs a command to its end and wants success.
pub(crate) fn succeed(command: &mut Command) -> Result<Output, Failure> {
    let program = name(command);
    let output = command.stdin(Stdio::null()).output().map_err(Failure::start(&program))?;
    if output.status.success() {
        return Ok(output);
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(Failure::Exit { program, status: output.status, said })
}

fn instructions_of_sandbox(invoked: Invoked<'_>, count: usize, scratch: &Path) -> Result<u64, Failure> {
    let out = scratch.join("callgrind.out");
    in_sandbox(&mut callgrind(invoked.program, &out), invoked, count, SETTLE)?;
    totals(&out)
}

/// Runs a program in the environment of a sandbox until it waits for an event that does not come, and ends it.
fn in_sandbox(command: &mut Command, invoked: Invoked<'_>, count: usize, settle: Duration) -> Result<(), Failure> {
    let program = invoked.program.display().to_string();
    let replay = Replay::start(invoked.event, count)?;
    let mut child = command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("AWS_LAMBDA_RUNTIME_API", replay.address.to_string())
        .env("AWS_LAMBDA_FUNCTION_NAME", "bench")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(Failure::start(&program))?;
    let asked = replay.wait(PATIENCE);
    thread::sleep(settle);
    end(&mut child)?;
    if !asked {
        return Err(Failure::Late { program });
    }
    let (answers, last) = replay.answers();
    if answers != count || !last.contains(invoked.expect) {
        let reason = format!("{answers} answers to {count} events, the last of them {last:?}");
        return Err(Failure::answer(program, reason));
    }
    Ok(())
}

/// Asks a program to stop and waits until it has.
pub(crate) fn end(child: &mut Child) -> Result<(), Failure> {
    let process = i32::try_from(child.id())
        .map(Pid::from_raw)
        .map_err(|error| Failure::System { doing: "name a process", source: std::io::Error::other(error) })?;
    kill(process, Signal::SIGTERM).map_err(Failure::system("end a process"))?;
    child.wait().map(drop).map_err(Failure::system("wait for a process"))
}

/// A program under callgrind.
pub(crate) fn callgrind(program: &Path, out: &Path) -> Command {
    let mut command = Command::new("valgrind");
    command.arg("--tool=callgrind").arg(format!("--callgrind-out-file={}", out.display())).arg(program);
    command
}

/// The instructions that callgrind counted in all.
pub(crate) fn totals(out: &PathBuf) -> Result<u64, Failure> {
    let text = fs::read_to_string(out).map_err(Failure::file(out))?;
    let line = text.lines().rev().find_map(|line| line.strip_prefix("totals:").or(line.strip_prefix("summary:")));
    line.and_then(|total| total.trim().parse().ok()).ok_or_else(|| Failure::answer("valgrind", "no totals"))
}

/// The CPU seconds of all children that have ended.
fn cpu() -> Result<f64, Failure> {
    let usage: Usage = getrusage(UsageWho::RUSAGE_CHILDREN).map_err(Failure::system("read the CPU time"))?;
    Ok((usage.user_time().num_microseconds() + usage.system_time().num_microseconds()) as f64 / 1e6)
}

fn name(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}
