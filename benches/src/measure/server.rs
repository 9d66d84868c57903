//! The plain server: ours beside a hand-written axum handler, and beside the frameworks of Node.

use super::{Bench, node};
use crate::{
    failure::Failure,
    figures::{Table, Unit},
    load::{Asked, load},
    run::{callgrind, totals},
    served::Served,
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The connections of the clients.
const CONNECTIONS: usize = 64;

/// The variable that says how many threads tokio works with, for every server alike.
const THREADS: &str = "TOKIO_WORKER_THREADS";

/// What the token of the guarded greeting, `events/member.jwt`, is signed with; it is valid until the year 2100.
const TOKEN_SECRET: &str = "a secret of the benchmarks, 32 octets or more";

/// A server that greets.
struct Greeter {
    name: &'static str,
    program: PathBuf,
    /// What the program is given, such as a script.
    arguments: Vec<PathBuf>,
    asked: Asked,
}

impl Greeter {
    fn new(name: &'static str, program: PathBuf, asked: Asked) -> Self {
        Self { name, program, arguments: Vec::new(), asked }
    }
}

impl Bench {
    pub(crate) fn server_instructions(&self) -> Result<Table, Failure> {
        let mut table = Table::new(
            "server-instructions",
            "One JSON POST to a plain server",
            "Route, decode, call, encode, over a socket and HTTP/1.1: ours, which keeps to its limits, has ids for requests \
             and a deadline for each, beside `axum::serve`, which has none of it; both with one thread. Over one connection \
             100 requests are sent and then 1,100, and the difference is divided.",
            &[("instructions", Unit::Instructions)],
        )
        .beside("axum");
        let executor = executor()?;
        for Greeter { name, program, asked, .. } in self.greeters()? {
            let run = |count: usize| {
                let out = self.programs.work.join("callgrind.out");
                let mut command = callgrind(&program, &out);
                command.env(THREADS, "1").env("TOKEN_SECRET", TOKEN_SECRET);
                executor.block_on(async {
                    let server = Served::start(&mut command)?;
                    load(server.address, &asked, 1, count).await?;
                    server.end()?;
                    totals(&out)
                })
            };
            table.add(name, vec![self.counts.each(run(self.counts.few)?, run(self.counts.many)?)]);
        }
        Ok(table)
    }

    pub(crate) fn server_http(&self) -> Result<Table, Failure> {
        let mut table = Table::new(
            "server-http",
            "A plain server under load",
            "The same JSON POST over 64 connections of HTTP/1.1 that stay open: CPU of the server, the kernel's share \
             included, and the most memory that it has had. In turns; the median. Fastify validates by a JSON Schema; \
             Pikku (TypeScript) is `@pikku/core` behind `node:http`, with the metadata that its CLI would write.",
            &[("per request", Unit::Microseconds), ("peak", Unit::Bytes)],
        )
        .beside("axum");
        let (turns, each) = if self.quick { (1, 50) } else { (21, 150) };
        let mut greeters = self.greeters()?;
        let hello = self.programs.package_server("bench-hello", &self.programs.root.join("benches/programs/hello"))?;
        greeters.push(Greeter::new("pikku, validated, static", hello, Asked::greeting()));
        greeters.extend(node::servers(&self.programs)?.into_iter().map(|(name, script)| Greeter {
            arguments: vec![script],
            ..Greeter::new(name, PathBuf::from("node"), Asked::greeting())
        }));
        let mut measured = vec![(Vec::new(), Vec::new()); greeters.len()];
        let executor = executor()?;
        for _ in 0..turns {
            for (greeter, (times, peaks)) in greeters.iter().zip(&mut measured) {
                let mut start = Command::new(&greeter.program);
                start.args(&greeter.arguments).env("TOKEN_SECRET", TOKEN_SECRET);
                let cost = executor.block_on(under_load(&mut start, &greeter.asked, each))?;
                times.push(cost.microseconds);
                peaks.push(cost.peak);
            }
        }
        for (Greeter { name, .. }, (times, peaks)) in greeters.iter().zip(measured) {
            table.add(name, vec![median(times), median(peaks)]);
        }
        Ok(table)
    }

    pub(crate) fn server_memory(&self) -> Result<Table, Failure> {
        let mut table = Table::new(
            "server-memory",
            "Memory of the shop under load",
            "The most memory that the packaged example shop has had (`VmHWM`), with as many threads as this machine has \
             processors and what `shop.service` sets: after its start, and after 64 connections have each put, shown and listed \
             products. It is static by default where zig or `musl-gcc` is; with `--libc gnu` libraries of the system are mapped \
             with it, about 2 MB.",
            &[("peak", Unit::Bytes), ("after the start", Unit::Bytes)],
        );
        let app = self.programs.root.join("examples/shop");
        for (name, program) in
            [("pikku, shop", self.shop()?), ("pikku, shop, GLIBC", self.programs.package_dynamic_server("shop", &app)?)]
        {
            let [peak, started] = self.memory_of(&program)?;
            table.add(name, vec![peak, started]);
        }
        Ok(table)
    }

    /// The most memory that a shop has had under load, and after its start.
    fn memory_of(&self, program: &Path) -> Result<[f64; 2], Failure> {
        let each: usize = if self.quick { 20 } else { 1000 };
        let folder = self.programs.work.join("shop-state");
        executor()?.block_on(async {
            let server = start_shop(program, &folder, &[])?;
            load(server.address, &Asked::get("/healthz", "alive"), 1, 1).await?;
            let started = server.peak()?;
            for asked in shop_requests() {
                // A write takes a lock and a disk.
                let each = if asked.writes() { each.div_ceil(20) } else { each };
                load(server.address, &asked, CONNECTIONS, each).await?;
            }
            let peak = server.peak()?;
            server.end()?;
            Ok([peak, started])
        })
    }

    /// The program of the packaged shop.
    pub(super) fn shop(&self) -> Result<PathBuf, Failure> {
        self.programs.package_server("shop", &self.programs.root.join("examples/shop"))
    }

    /// Ours and the peer, built alike and linked to the same libraries, with and without checks.
    fn greeters(&self) -> Result<Vec<Greeter>, Failure> {
        let apps = self.programs.root.join("benches/programs");
        let packaged = |app| self.programs.package_dynamic_server(&format!("bench-{app}"), &apps.join(app));
        let (hello, guarded, layered) = (packaged("hello")?, packaged("guarded")?, packaged("layered")?);
        let token = self.programs.event("member.jwt")?;
        let token = String::from_utf8_lossy(&token).trim().to_owned();
        let peer = |program| self.programs.server_peer(program);
        let bearing = || Asked::greeting().bearing(&token);
        let from_page =
            || bearing().header("Origin", "https://greetings.example").header("Accept-Encoding", "gzip, deflate, br");
        Ok(vec![
            Greeter::new("pikku, bare", peer("server-pikku")?, Asked::greeting()),
            Greeter::new("pikku, validated", hello, Asked::greeting()),
            Greeter::new("pikku, guarded", guarded, bearing()),
            Greeter::new("axum", peer("server-axum")?, Asked::greeting()),
            Greeter::new("pikku, guarded, six middleware", layered, from_page()),
            Greeter::new("axum, guarded", peer("server-axum-guarded")?, bearing()),
            Greeter::new("axum, guarded, six layers", peer("server-axum-layered")?, from_page()),
        ])
    }
}

/// The token of a manager of the shop, who may put products.
pub(super) fn manager() -> &'static str {
    include_str!("../../../examples/shop/local/manager.jwt").trim()
}

/// What the shop takes on this machine, of its settings.
fn shop_variables() -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = include_str!("../../../examples/shop/Cargo.toml").lines();
    let lines = lines.skip_while(|line| *line != "[package.metadata.pikku.dev.vars]").skip(1);
    let variables = lines.map_while(|line| line.split_once(" = "));
    variables.map(|(name, value)| (name, value.trim_matches(['"', '\''])))
}

/// Starts the shop as its unit of systemd does, but with a store of its own.
pub(super) fn start_shop(program: &Path, folder: &Path, variables: &[(&str, &str)]) -> Result<Served, Failure> {
    fs::create_dir_all(folder).map_err(Failure::file(folder))?;
    let store = folder.join("shop.sqlite");
    if store.exists() {
        fs::remove_file(&store).map_err(Failure::file(&store))?;
    }
    let queues = format!("sqlite:{}", folder.join("queues.sqlite").display());
    let unit = program.with_extension("service");
    let unit = fs::read_to_string(&unit).map_err(Failure::file(&unit))?;
    let set = unit.lines().filter_map(|line| line.strip_prefix("Environment=")?.split_once('='));
    let mut command = Command::new(program);
    command.envs(set).envs(shop_variables()).env("SHOP_STORE", store).env("PIKKU_QUEUES", queues);
    command.envs(variables.iter().copied());
    Served::start(&mut command)
}

/// What clients of the shop ask.
fn shop_requests() -> [Asked; 3] {
    let tea = r#"{"sku":"TEA-42","name":"green tea","price_cents":450,"stock":1000}"#;
    [
        Asked::put("/products/TEA-42", tea, "green tea").bearing(manager()),
        Asked::get("/products/TEA-42", "green tea"),
        Asked::get("/products?name=tea&limit=10", "green tea"),
    ]
}

/// What a request costs.
struct Cost {
    microseconds: f64,
    peak: f64,
}

async fn under_load(command: &mut Command, asked: &Asked, each: usize) -> Result<Cost, Failure> {
    let server = Served::start(command)?;
    // What is compiled while it runs is compiled by then.
    load(server.address, asked, CONNECTIONS, each.div_ceil(4)).await?;
    let before = server.spent()?;
    load(server.address, asked, CONNECTIONS, each).await?;
    let spent = server.spent()? - before;
    let peak = server.peak()?;
    server.end()?;
    Ok(Cost { microseconds: spent * 1e3 / (CONNECTIONS * each) as f64, peak })
}

pub(super) fn executor() -> Result<tokio::runtime::Runtime, Failure> {
    let executor = tokio::runtime::Builder::new_current_thread().enable_all().build();
    executor.map_err(Failure::system("start an executor"))
}

pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
