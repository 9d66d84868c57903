//! The benchmarks. Each gives a table.

mod apps;
mod azure;
mod hostile;
pub(crate) mod node;
mod queue;
mod server;
mod workers;

use crate::{
    failure::Failure,
    figures::{Table, Unit},
    programs::{Packaging, Programs, bytes, zip_bytes},
    run::{Counts, Invoked, cpu_of_start, instructions_of_start, instructions_per_call, instructions_per_event},
};
use Unit::{Bytes, Instructions, Milliseconds, Seconds};
pub(crate) use hostile::attack_where_told;
use std::{fs, path::PathBuf};

/// What the benchmarks share.
#[derive(Debug)]
pub(crate) struct Bench {
    /// The programs.
    pub(crate) programs: Programs,
    /// How often things are repeated.
    pub(crate) counts: Counts,
    /// Whether to hurry.
    pub(crate) quick: bool,
}

/// A subject: its name in the tables and its program.
type Subject = (&'static str, PathBuf);

impl Bench {
    fn subjects(&self, peers: &[(&'static str, &str)]) -> Result<Vec<Subject>, Failure> {
        let mut subjects = vec![("pikku", self.programs.hello()?.bootstrap.clone())];
        for (name, program) in peers {
            subjects.push((name, self.programs.peer(program)?));
        }
        Ok(subjects)
    }

    /// The smallest programs of the peers, which do less than ours.
    fn hellos(&self) -> Result<Vec<Subject>, Failure> {
        self.subjects(&[("lambda_runtime", "lambda-runtime-hello"), ("lambda_http", "lambda-http-hello")])
    }

    /// The peers' programs that do the same work as ours, except that they do not validate.
    fn alike(&self) -> Result<Vec<Subject>, Failure> {
        self.subjects(&[
            ("lambda_runtime, by hand", "lambda-runtime-typed"),
            ("lambda_http + axum", "lambda-http-axum"),
        ])
    }

    pub(crate) fn size(&self) -> Result<Table, Failure> {
        let mut table = Table::new(
            "size",
            "Size of a bundle",
            "Ours holds one validated JSON function over HTTP; the peers' smallest programs answer a fixed object.",
            &[("bootstrap", Bytes), ("zip", Bytes)],
        )
        .beside("lambda_runtime");
        let mut all = self.hellos()?;
        all.extend(self.alike()?.into_iter().skip(1));
        for (name, program) in all {
            table.add(name, vec![bytes(&program)?, zip_bytes(&program)?]);
        }
        Ok(table)
    }

    pub(crate) fn start(&self) -> Result<Table, Failure> {
        let mut table = Table::new(
            "start",
            "Cold start",
            "From `exec` until the program waits for its first event.",
            &[("instructions", Instructions), ("start", Milliseconds)],
        )
        .beside("lambda_runtime");
        let subjects = self.hellos()?;
        // In turns, so that what else the machine does hits all alike; the median, so that it does not count.
        let turns = if self.quick { 5 } else { 31 };
        let mut times = vec![Vec::with_capacity(turns); subjects.len()];
        for _ in 0..turns {
            for ((_, program), times) in subjects.iter().zip(&mut times) {
                times.push(cpu_of_start(program)?);
            }
        }
        for ((name, program), mut times) in subjects.into_iter().zip(times) {
            times.sort_by(f64::total_cmp);
            table.add(name, vec![instructions_of_start(&program, &self.programs.work)?, times[turns / 2]]);
        }
        Ok(table)
    }

    pub(crate) fn post(&self) -> Result<Table, Failure> {
        let mut table = Table::new(
            "post",
            "One JSON POST through API Gateway 2.0",
            "Route, decode, validate, call, encode; the peers do not validate. Of the one event, 100 are sent and then \
             1,100, and the difference is divided.",
            &[("instructions", Instructions)],
        )
        .beside("lambda_runtime, by hand");
        let event = self.programs.event("greet.json")?;
        for (name, program) in self.alike()? {
            let invoked = Invoked { program: &program, event: &event, expect: "hello, Ada (36)" };
            table.add(name, vec![instructions_per_event(invoked, self.counts, &self.programs.work)?]);
        }
        Ok(table)
    }

    pub(crate) fn empty(&self) -> Result<Table, Failure> {
        let mut table = Table::new(
            "empty",
            "An empty event",
            "The least that each takes: a request of nothing but a method and a path, which no route fits, and for the \
             smallest program of lambda_runtime `{}`.",
            &[("instructions", Instructions)],
        )
        .beside("lambda_runtime, by hand");
        let event = self.programs.event("smallest.json")?;
        for (name, program) in self.alike()? {
            let invoked = Invoked { program: &program, event: &event, expect: "404" };
            table.add(name, vec![instructions_per_event(invoked, self.counts, &self.programs.work)?]);
        }
        let program = self.programs.peer("lambda-runtime-hello")?;
        let invoked = Invoked { program: &program, event: b"{}", expect: "hello" };
        let name = "lambda_runtime, any JSON";
        table.add(name, vec![instructions_per_event(invoked, self.counts, &self.programs.work)?]);
        Ok(table)
    }

    fn in_process(&self, table: &mut Table, rows: &[(&str, &str, &str)]) -> Result<(), Failure> {
        for (name, program, work) in rows {
            let program = self.programs.peer(program)?;
            table.add(name, vec![instructions_per_call(&program, work, self.counts, &self.programs.work)?]);
        }
        Ok(())
    }

    pub(crate) fn dispatch(&self) -> Result<Table, Failure> {
        let mut table = Table::new(
            "dispatch",
            "Dispatch in process",
            "The same JSON POST without a platform: `Engine::http` beside axum's `Router::oneshot` with typed JSON in \
             and out. The request is built and the answer's body read in each call. Bare is without validation, which \
             axum does not do. Among policies is the same in an app whose permissions and middleware stand around \
             other functions.",
            &[("instructions", Instructions)],
        )
        .beside("axum");
        let rows = [
            ("pikku, bare", "in-process-pikku", "greet"),
            ("pikku, bare, among policies", "in-process-pikku", "apart"),
            ("pikku, validated", "in-process-pikku", "validated"),
            ("axum", "in-process-axum", "greet"),
        ];
        self.in_process(&mut table, &rows)?;
        Ok(table)
    }

    pub(crate) fn routing(&self) -> Result<Table, Failure> {
        let mut table = Table::new(
            "routing",
            "Routing",
            "A GET among so many routes, in process; requests go to ten routes spread over all.",
            &[("instructions", Instructions)],
        )
        .beside("pikku, 130 routes");
        let rows = [
            ("pikku, 130 routes", "in-process-pikku", "route:130"),
            ("pikku, 10,000 routes", "in-process-pikku", "route:10000"),
            ("axum, 130 routes", "in-process-axum", "route:130"),
            ("axum, 10,000 routes", "in-process-axum", "route:10000"),
        ];
        self.in_process(&mut table, &rows)?;
        Ok(table)
    }

    pub(crate) fn package(&self) -> Result<Table, Failure> {
        let mut table = Table::new(
            "package",
            "Packaging an app of 1 and of 16 groups",
            "CPU of `cargo pikku package` and all that it starts, from an empty target folder; each group has two \
             functions.",
            &[("packaging", Seconds)],
        )
        .beside("1 group");
        for (name, target, groups) in [("1 group", "groups-1", 1), ("16 groups", "groups-16", 16)] {
            let app = apps::write(&self.programs, &self.programs.work.join(format!("app-{groups}")), groups)?;
            self.clear(target)?;
            let packaged = self.programs.package(&Packaging {
                app,
                group: "group0",
                target,
                out: "out",
                ..Packaging::default()
            })?;
            table.add(name, vec![packaged.seconds]);
        }
        Ok(table)
    }

    pub(crate) fn weight(&self) -> Result<Table, Failure> {
        let mut table = Table::new(
            "weight",
            "What is added by using more",
            "The same app, with a regular expression in its input's contract, and with a `Queue<T>` that sends to SQS (TLS \
             and signatures); and the same sent by hand with `lambda_runtime` and `aws-sdk-sqs`, without validation. The \
             start is from `exec` until the program waits for its first event.",
            &[("bootstrap", Bytes), ("zip", Bytes), ("start", Instructions)],
        )
        .beside("pikku");
        let hello = self.programs.hello()?;
        let start = |program: &PathBuf| instructions_of_start(program, &self.programs.work);
        table.add("pikku", vec![hello.bytes, hello.zip_bytes, start(&hello.bootstrap)?]);
        for (name, features) in [("pikku, one pattern", "pattern"), ("pikku, sends to a queue", "sends")] {
            let packaging = Packaging { features, out: features, ..self.programs.hello_app() };
            let packaged = self.programs.package(&packaging)?;
            table.add(name, vec![packaged.bytes, packaged.zip_bytes, start(&packaged.bootstrap)?]);
        }
        for (name, program) in [
            ("lambda_runtime, by hand", self.programs.peer("lambda-runtime-typed")?),
            ("lambda_runtime + aws-sdk-sqs", self.programs.sdk_peer()?),
        ] {
            table.add(name, vec![bytes(&program)?, zip_bytes(&program)?, start(&program)?]);
        }
        Ok(table)
    }

    pub(crate) fn profiles(&self) -> Result<Table, Failure> {
        let mut table = Table::new(
            "profiles",
            "Build profiles",
            "The app of one function, by `--profile` (with its `opt-level`) and `--lto`: instructions of one JSON POST \
             and of a start, and the CPU of packaging, with all that is in the bundle compiled anew.",
            &[
                ("per POST", Instructions),
                ("start", Instructions),
                ("bootstrap", Bytes),
                ("zip", Bytes),
                ("packaging", Seconds),
            ],
        );
        let event = self.programs.event("greet.json")?;
        self.programs.hello()?;
        let compiled = format!("hello/pikku/build/lambda/target/{}", self.programs.target()?);
        for lto in ["fat", "thin", "off"] {
            for (name, opt_level) in [("small", "z"), ("balanced", "s"), ("fast", "3")] {
                self.clear(&compiled)?;
                let profile = Some((name, lto));
                let packaging = Packaging { profile, out: "profiles", ..self.programs.hello_app() };
                let packaged = self.programs.package(&packaging)?;
                let invoked = Invoked { program: &packaged.bootstrap, event: &event, expect: "hello, Ada (36)" };
                let values = vec![
                    instructions_per_event(invoked, self.counts, &self.programs.work)?,
                    instructions_of_start(&packaged.bootstrap, &self.programs.work)?,
                    packaged.bytes,
                    packaged.zip_bytes,
                    packaged.seconds,
                ];
                table.add(&format!("{name} ({opt_level}), {lto}"), values);
            }
        }
        Ok(table)
    }

    fn clear(&self, target: &str) -> Result<(), Failure> {
        let dir = self.programs.work.join(target);
        if dir.exists() { fs::remove_dir_all(&dir).map_err(Failure::file(dir)) } else { Ok(()) }
    }
}
