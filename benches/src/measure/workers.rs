//! Workers: our bundle beside the `worker` crate by hand, both in workerd.

use super::{Bench, apps, server::median};
use crate::{
    failure::Failure,
    figures::{Table, Unit},
    programs::Packaging,
    run::succeed,
    served::spent,
};
use pikku_local_workers::LocalWorkers;
use std::{
    env, fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::Command,
};
use wasm_bindgen_cli_support::Bindgen;

/// What Node starts as a child of its own: the engine.
const ENGINE: &str = "workerd";

/// The configuration and the script of a peer: what worker-build writes, without its recovery from panics.
const CONFIGURATION: &str = r#"{
  "name": "peer",
  "main": "worker.mjs",
  "compatibility_date": "2026-04-01",
  "no_bundle": true,
  "find_additional_modules": true,
  "rules": [
    {"type": "ESModule", "globs": ["**/*.mjs", "**/*.js"]},
    {"type": "CompiledWasm", "globs": ["**/*.wasm"]}
  ]
}
"#;
const SCRIPT: &str = "import { initSync, fetch as answer } from \"./glue.mjs\";\nimport module from \"./bundle.wasm\";\n\
    initSync({ module });\nexport default { fetch: (request, env, context) => answer(request, env, context) };\n";

/// A request and what its answer holds.
struct Asked {
    request: String,
    expect: &'static str,
}

impl Asked {
    fn text() -> Self {
        Self { request: "GET /greet/7 HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(), expect: "hello" }
    }

    fn json() -> Self {
        let body = r#"{"name":"Ada","age":36,"tags":["tea"]}"#;
        let head = "POST /greet/7 HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json";
        let request = format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        Self { request, expect: "hello, Ada (36)" }
    }
}

impl Bench {
    pub(crate) fn workers_size(&self) -> Result<Table, Failure> {
        let mut table = Table::new(
            "workers-size",
            "Size of a Worker",
            "All modules, gzipped one by one at level 9 (wasm and JavaScript). Ours holds one function over HTTP, \
             which validates JSON or answers a fixed text; the peers are written by hand with the `worker` crate and do not \
             validate.",
            &[("gzip, all", Unit::Bytes), ("gzip, wasm", Unit::Bytes), ("wasm", Unit::Bytes)],
        )
        .beside("worker, a fixed text");
        for (name, folder) in self.workers()? {
            let sizes = Sizes::of(&folder)?;
            table.add(name, vec![sizes.gzip_wasm + sizes.gzip_script, sizes.gzip_wasm, sizes.wasm]);
        }
        Ok(table)
    }

    pub(crate) fn workers_cpu(&self) -> Result<Table, Failure> {
        let mut table = Table::new(
            "workers-cpu",
            "A Worker in workerd",
            "CPU of the engine: from its start to the first answer, and for one request over a connection that stays open: \
             a JSON POST, or a GET where a fixed text is answered. In turns; the median. The start is mostly the engine's own.",
            &[("per request", Unit::Milliseconds), ("start", Unit::Milliseconds)],
        )
        .beside("worker, typed JSON by hand");
        let (turns, requests) = if self.quick { (1, 200) } else { (7, 3000) };
        let subjects = self.workers()?;
        let mut measured = vec![(Vec::new(), Vec::new()); subjects.len()];
        let executor = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let executor = executor.map_err(Failure::system("start an executor"))?;
        for _ in 0..turns {
            for ((name, folder), (calls, starts)) in subjects.iter().zip(&mut measured) {
                let asked = if name.ends_with("text") { Asked::text() } else { Asked::json() };
                let (call, start) = executor.block_on(cpu(folder, &asked, requests))?;
                calls.push(call);
                starts.push(start);
            }
        }
        for ((name, _), (calls, starts)) in subjects.iter().zip(measured) {
            table.add(name, vec![median(calls), median(starts)]);
        }
        Ok(table)
    }

    pub(crate) fn workers_package(&self) -> Result<Table, Failure> {
        let mut table = Table::new(
            "workers-package",
            "Packaging 1 and 8 Workers",
            "CPU of `cargo pikku package --target cloudflare` and all that it starts, from an empty target folder; each \
             group has two functions.",
            &[("packaging", Unit::Seconds)],
        )
        .beside("1 group");
        for (name, target, groups) in [("1 group", "workers-1", 1), ("8 groups", "workers-8", 8)] {
            let app = apps::write(&self.programs, &self.programs.work.join(format!("app-{groups}")), groups)?;
            self.clear(target)?;
            let packaging = Packaging { app, target, out: "out", ..Packaging::default() };
            table.add(name, vec![self.programs.package_worker(&packaging)?]);
        }
        Ok(table)
    }

    /// The Workers that are measured, each with its folder.
    fn workers(&self) -> Result<Vec<(&'static str, PathBuf)>, Failure> {
        let packaged = |features: &'static str, out| {
            let packaging = Packaging { target: "worker", features, out, ..self.programs.hello_app() };
            self.programs.package_worker(&packaging)?;
            Ok(self.programs.work.join("worker").join(out).join("hello"))
        };
        Ok(vec![
            ("pikku", packaged("", "out")?),
            ("pikku, a fixed text", packaged("fixed", "fixed")?),
            ("worker, typed JSON by hand", self.worker_peer("typed")?),
            ("worker, a fixed text", self.worker_peer("")?),
        ])
    }

    /// Builds a peer as the packager builds ours, and writes its folder.
    fn worker_peer(&self, features: &str) -> Result<PathBuf, Failure> {
        let source = self.programs.root.join("benches/workers");
        let target = self.programs.work.join("worker-peer");
        self.programs.lend_lock(&source)?;
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(["build", "--release", "--target", "wasm32-unknown-unknown", "--features", features]);
        command.arg("--manifest-path").arg(source.join("Cargo.toml")).env("CARGO_TARGET_DIR", &target);
        succeed(&mut command)?;
        let module = target.join("wasm32-unknown-unknown/release/workers_peer.wasm");
        let failed = |error: &dyn std::fmt::Display| Failure::answer("wasm-bindgen", format!("{error:#}"));
        let mut bindgen = Bindgen::new();
        bindgen.input_path(&module).web(true).map_err(|error| failed(&error))?;
        bindgen
            .typescript(false)
            .omit_default_module_path(true)
            .remove_name_section(true)
            .remove_producers_section(true);
        let mut output = bindgen.generate_output().map_err(|error| failed(&error))?;
        let folder = self.programs.work.join(if features.is_empty() { "peer-text" } else { "peer-typed" });
        let mut files: Vec<(PathBuf, Vec<u8>)> = vec![
            ("wrangler.jsonc".into(), CONFIGURATION.into()),
            ("worker.mjs".into(), SCRIPT.into()),
            ("bundle.wasm".into(), output.wasm_mut().emit_wasm()),
            ("glue.mjs".into(), output.js().as_bytes().to_vec()),
        ];
        for (krate, texts) in output.snippets() {
            for (index, text) in texts.iter().enumerate() {
                files.push((format!("snippets/{krate}/inline{index}.js").into(), text.as_bytes().to_vec()));
            }
        }
        for (path, contents) in files {
            let path = folder.join(path);
            let parent = path.parent().unwrap_or(&folder);
            fs::create_dir_all(parent).map_err(Failure::file(parent))?;
            fs::write(&path, contents).map_err(Failure::file(&path))?;
        }
        Ok(folder)
    }
}

/// The sizes of a Worker's modules.
#[derive(Default)]
struct Sizes {
    wasm: f64,
    gzip_wasm: f64,
    gzip_script: f64,
}

impl Sizes {
    fn of(folder: &Path) -> Result<Self, Failure> {
        let mut sizes = Self::default();
        for entry in fs::read_dir(folder).map_err(Failure::file(folder))? {
            let path = entry.map_err(Failure::file(folder))?.path();
            if path.is_dir() {
                let below = Self::of(&path)?;
                sizes.gzip_script += below.gzip_script;
                continue;
            }
            let contents = fs::read(&path).map_err(Failure::file(&path))?;
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("wasm") => {
                    sizes.wasm += contents.len() as f64;
                    sizes.gzip_wasm += gzipped(&contents)?;
                }
                Some("mjs" | "js") => sizes.gzip_script += gzipped(&contents)?,
                _ => {}
            }
        }
        Ok(sizes)
    }
}

fn gzipped(contents: &[u8]) -> Result<f64, Failure> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let packed = encoder.write_all(contents).and_then(|()| encoder.finish());
    packed.map(|packed| packed.len() as f64).map_err(Failure::system("compress"))
}

/// The CPU of the engine for one request, and up to its first answer, in milliseconds.
async fn cpu(folder: &Path, asked: &Asked, requests: u32) -> Result<(f64, f64), Failure> {
    let failed = |reason: String| Failure::answer(ENGINE, reason);
    let tools = env::var_os("PIKKU_TOOLS").map(PathBuf::from).unwrap_or_default();
    let workers = LocalWorkers::bundle(folder).app(tools.join("npm")).start();
    let workers = workers.await.map_err(|error| failed(error.to_string()))?;
    let address = workers.address(workers.first()).ok_or_else(|| failed("it listens nowhere".to_owned()))?;
    let node = workers.process_id().ok_or_else(|| failed("it has ended".to_owned()))?;
    let engine = child(node)?.ok_or_else(|| failed("Node has started no engine".to_owned()))?;
    let mut connection = Connection::open(address)?;
    connection.ask(asked)?;
    let started = spent(engine)?;
    // What is compiled while it runs is compiled by then.
    for _ in 0..requests / 10 {
        connection.ask(asked)?;
    }
    let before = spent(engine)?;
    for _ in 0..requests {
        connection.ask(asked)?;
    }
    let after = spent(engine)?;
    workers.shutdown().await;
    Ok(((after - before) / f64::from(requests), started))
}

/// A connection that stays open.
struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    fn open(address: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).map_err(Failure::system("connect"))?;
        stream.set_nodelay(true).map_err(Failure::system("connect"))?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    fn ask(&mut self, asked: &Asked) -> Result<(), Failure> {
        self.stream.get_mut().write_all(asked.request.as_bytes()).map_err(Failure::system("send"))?;
        let mut length = 0;
        let mut line = String::new();
        loop {
            line.clear();
            self.stream.read_line(&mut line).map_err(Failure::system("receive"))?;
            let header = line.trim_end().to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).map_err(Failure::system("receive"))?;
        let body = String::from_utf8_lossy(&body);
        if body.contains(asked.expect) { Ok(()) } else { Err(Failure::answer(ENGINE, body.into_owned())) }
    }
}

/// The engine below a process.
fn child(parent: u32) -> Result<Option<u32>, Failure> {
    for entry in fs::read_dir("/proc").map_err(Failure::file("/proc"))? {
        let path = entry.map_err(Failure::file("/proc"))?.path();
        let Some(id) = path.file_name().and_then(|name| name.to_str()?.parse().ok()) else { continue };
        // A process that has ended meanwhile is not the one.
        let Ok(stat) = fs::read_to_string(path.join("stat")) else { continue };
        let Some((name, fields)) = stat.rsplit_once(") ") else { continue };
        if name.ends_with(ENGINE) && fields.split(' ').nth(1) == Some(&parent.to_string()) {
            return Ok(Some(id));
        }
    }
    Ok(None)
}
