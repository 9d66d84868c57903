//! Jobs through the embedded engine, beside apalis on the same kind of file.

use super::Bench;
use crate::{
    failure::Failure,
    figures::{Table, Unit},
    run::{cpu_seconds, succeed},
};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A program with what it is told.
struct Subject {
    name: &'static str,
    program: &'static str,
    senders: &'static str,
    /// SQLite's `synchronous`, which apalis has one of for all it does.
    synchronous: &'static [&'static str],
}

const SUBJECTS: [Subject; 6] = [
    Subject { name: "pikku", program: "queue-pikku", senders: "1", synchronous: &[] },
    Subject { name: "apalis, full", program: "queue-apalis", senders: "1", synchronous: &["full"] },
    Subject { name: "apalis, normal", program: "queue-apalis", senders: "1", synchronous: &["normal"] },
    Subject { name: "apalis, off", program: "queue-apalis", senders: "1", synchronous: &["off"] },
    Subject { name: "pikku, 64 senders", program: "queue-pikku", senders: "64", synchronous: &[] },
    Subject { name: "apalis, full, 64 senders", program: "queue-apalis", senders: "64", synchronous: &["full"] },
];

/// What a program took for a job, and how many it enqueued and handled in a second.
#[derive(Clone, Copy, Debug, Default)]
struct Measured {
    cpu_us: f64,
    enqueued: f64,
    handled: f64,
}

impl Bench {
    pub(crate) fn queue(&self) -> Result<Table, Failure> {
        let mut table = Table::new(
            "queue",
            "Jobs through a queue in a SQLite file",
            "Small jobs are enqueued, a hundred to a transaction or by 64 tasks one at a time, and then delivered ten at a \
             time to a handler that does nothing. Ours flushes what enqueues (`synchronous = full`) and not what only takes \
             away (`normal`); apalis has one setting for both, of which `off` is its own choice, with which a loss of power \
             may damage the file. It keeps the rows of jobs that are done, and settling one reads all that its worker had, so \
             that it slows with the number of jobs: these are 2,000. Whole programs of one thread and SQLite's, built with `opt-level = 3`, in turns; the \
             median. Jobs per second depend on the disk.",
            &[("per job", Unit::Microseconds), ("enqueued", Unit::PerSecond), ("handled", Unit::PerSecond)],
        )
        .beside("apalis, full");
        let (turns, jobs) = if self.quick { (1, 1_000) } else { (5, 2_000) };
        let programs = self.queue_programs()?;
        let mut measured = vec![Vec::new(); SUBJECTS.len()];
        for _ in 0..turns {
            for (subject, measured) in SUBJECTS.iter().zip(&mut measured) {
                measured.push(self.jobs(subject, &programs, jobs)?);
            }
        }
        for (subject, measured) in SUBJECTS.iter().zip(measured) {
            let median = |of: fn(&Measured) -> f64| {
                let mut values: Vec<f64> = measured.iter().map(of).collect();
                values.sort_by(f64::total_cmp);
                values[values.len() / 2]
            };
            let values = [|m: &Measured| m.cpu_us, |m: &Measured| m.enqueued, |m: &Measured| m.handled];
            table.add(subject.name, values.map(median).to_vec());
        }
        Ok(table)
    }

    fn jobs(&self, subject: &Subject, programs: &Path, jobs: u32) -> Result<Measured, Failure> {
        let dir = self.programs.work.join("queue-store");
        if dir.exists() {
            fs::remove_dir_all(&dir).map_err(Failure::file(&dir))?;
        }
        fs::create_dir_all(&dir).map_err(Failure::file(&dir))?;
        let mut command = Command::new(programs.join(subject.program));
        command.arg(dir.join("store.db")).args([&jobs.to_string(), subject.senders, "10"]).args(subject.synchronous);
        let (output, seconds) = cpu_seconds(&mut command)?;
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        let times: Vec<f64> = printed.split_whitespace().map_while(|number| number.parse().ok()).collect();
        let [sent, handled] = times.as_slice() else { return Err(Failure::answer(subject.program, printed)) };
        let jobs = f64::from(jobs);
        Ok(Measured { cpu_us: seconds * 1e6 / jobs, enqueued: jobs / sent, handled: jobs / handled })
    }

    /// Both are workspaces of their own: they link SQLite in different versions.
    fn queue_programs(&self) -> Result<PathBuf, Failure> {
        let target = self.programs.work.join("queue");
        for program in ["pikku", "apalis"] {
            let dir = self.programs.root.join("benches/queue").join(program);
            self.programs.lend_lock(&dir)?;
            let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
            command.args(["build", "--release", "--manifest-path"]).arg(dir.join("Cargo.toml"));
            command.env("CARGO_TARGET_DIR", &target).env("CARGO_INCREMENTAL", "0");
            self.programs.stay_offline(&mut command);
            eprintln!("   building queue-{program}");
            succeed(&mut command)?;
        }
        Ok(target.join("release"))
    }
}
