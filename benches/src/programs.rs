//! The programs that are measured: the bundles that the packager makes, and the peers, built with the same profile.

use crate::{
    failure::Failure,
    run::{cpu_seconds, succeed},
};
use std::{
    cell::OnceCell,
    env, fs,
    io::Write as _,
    iter,
    path::{Path, PathBuf},
    process::Command,
};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

/// Where things are, and what has been built so far.
#[derive(Debug)]
pub(crate) struct Programs {
    /// The repository.
    pub(crate) root: PathBuf,
    /// What the benchmarks build and write on the way.
    pub(crate) work: PathBuf,
    packager: PathBuf,
    offline: bool,
    hello: OnceCell<(Packaged, Settings)>,
    peers: OnceCell<PathBuf>,
    server_peers: OnceCell<PathBuf>,
}

/// A packaged group.
#[derive(Clone, Debug)]
pub(crate) struct Packaged {
    /// Its program.
    pub(crate) bootstrap: PathBuf,
    /// The bytes of the program.
    pub(crate) bytes: f64,
    /// The bytes of the zip.
    pub(crate) zip_bytes: f64,
    /// The CPU seconds that packaging took.
    pub(crate) seconds: f64,
}

/// What to package.
#[derive(Clone, Debug, Default)]
pub(crate) struct Packaging<'a> {
    /// The folder of the app.
    pub(crate) app: PathBuf,
    /// The group to look at.
    pub(crate) group: &'a str,
    /// Whether only that group is to be packaged.
    pub(crate) only: bool,
    /// Features of the app.
    pub(crate) features: &'a str,
    /// The packager's `--profile` and `--lto`, where they are to differ from its default.
    pub(crate) profile: Option<(&'a str, &'a str)>,
    /// The target folder's name; what is packaged into the same folder shares what is compiled.
    pub(crate) target: &'a str,
    /// The name of the folder that the bundles go to.
    pub(crate) out: &'a str,
}

/// Settings of a release profile by their names.
type Settings = Vec<(&'static str, String)>;

/// The settings of the release profile that matter to speed and size.
const SETTINGS: [&str; 4] = ["opt-level", "lto", "codegen-units", "panic"];

impl Programs {
    /// Looks where things are.
    pub(crate) fn new(offline: bool) -> Result<Self, Failure> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default();
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        let work = target.join("benches");
        fs::create_dir_all(&work).map_err(Failure::file(&work))?;
        let packager = env::var_os("PIKKU_PACKAGER").map_or_else(|| target.join("release/cargo-pikku"), PathBuf::from);
        let (hello, peers, server_peers) = (OnceCell::new(), OnceCell::new(), OnceCell::new());
        Ok(Self { root, work, packager, offline, hello, peers, server_peers })
    }

    /// An event that is sent.
    pub(crate) fn event(&self, name: &str) -> Result<Vec<u8>, Failure> {
        let path = self.root.join("benches/events").join(name);
        fs::read(&path).map_err(Failure::file(path))
    }

    /// The app of one function, packaged as it is.
    pub(crate) fn hello(&self) -> Result<&Packaged, Failure> {
        self.hello_and_profile().map(|(hello, _)| hello)
    }

    /// The settings of the profile that the packager wrote for the packaged hello.
    pub(crate) fn profile(&self) -> Result<&Settings, Failure> {
        self.hello_and_profile().map(|(_, settings)| settings)
    }

    fn hello_and_profile(&self) -> Result<&(Packaged, Settings), Failure> {
        if let Some(hello) = self.hello.get() {
            return Ok(hello);
        }
        let hello = self.package(&self.hello_app())?;
        // Read at once: who packages the app with another profile changes the file.
        let settings = written_profile(&self.work.join("hello/pikku/build/lambda"))?;
        Ok(self.hello.get_or_init(|| (hello, settings)))
    }

    /// How the app of one function is packaged, for variants of it.
    pub(crate) fn hello_app(&self) -> Packaging<'static> {
        Packaging {
            app: self.root.join("benches/programs/hello"),
            group: "hello",
            target: "hello",
            out: "out",
            ..Packaging::default()
        }
    }

    /// Packages an app.
    pub(crate) fn package(&self, what: &Packaging<'_>) -> Result<Packaged, Failure> {
        let target = self.work.join(what.target);
        let out = self.work.join(what.target).join(what.out);
        self.lend_lock(what.app.parent().filter(|dir| dir.ends_with("programs")).unwrap_or(&what.app))?;
        let mut command = Command::new(&self.packager);
        command.args(["pikku", "package", "--target", "lambda", "--manifest-path"]).arg(what.app.join("Cargo.toml"));
        command.arg("--out-dir").arg(&out).env("CARGO_TARGET_DIR", &target).env("CARGO_INCREMENTAL", "0");
        if !what.features.is_empty() {
            command.args(["--features", what.features]);
        }
        if let Some((profile, lto)) = what.profile {
            command.args(["--profile", profile, "--lto", lto]);
        }
        if self.offline {
            command.arg("--offline");
        }
        eprintln!("   packaging {}", target.display());
        let (_, seconds) = cpu_seconds(&mut command)?;
        let bootstrap = out.join(what.group).join("bootstrap");
        let zip = out.join(format!("{}.zip", what.group));
        Ok(Packaged { bytes: bytes(&bootstrap)?, zip_bytes: bytes(&zip)?, bootstrap, seconds })
    }

    /// Packages an app for a target, apart from what is built for others; the folder of its bundles.
    pub(crate) fn package_for(&self, platform: &str, what: &Packaging<'_>) -> Result<PathBuf, Failure> {
        let target = self.work.join(what.target);
        let out = target.join(format!("{platform}-{}", what.out));
        if let Some(programs) = what.app.parent().filter(|dir| dir.ends_with("programs")) {
            self.lend_lock(programs)?;
        }
        let mut command = Command::new(&self.packager);
        command.args(["pikku", "package", "--target", platform, "--manifest-path"]).arg(what.app.join("Cargo.toml"));
        command.arg("--out-dir").arg(&out).env("CARGO_TARGET_DIR", &target).env("CARGO_INCREMENTAL", "0");
        if what.only {
            command.args(["--group", what.group]);
        }
        if let Some((profile, lto)) = what.profile {
            command.args(["--profile", profile, "--lto", lto]);
        }
        if self.offline {
            command.arg("--offline");
        }
        eprintln!("   packaging {}", out.display());
        succeed(&mut command)?;
        Ok(out)
    }

    /// Packages an app for Cloudflare; the CPU seconds that it took.
    pub(crate) fn package_worker(&self, what: &Packaging<'_>) -> Result<f64, Failure> {
        let target = self.work.join(what.target);
        self.lend_lock(what.app.parent().filter(|dir| dir.ends_with("programs")).unwrap_or(&what.app))?;
        let mut command = Command::new(&self.packager);
        command
            .args(["pikku", "package", "--target", "cloudflare", "--manifest-path"])
            .arg(what.app.join("Cargo.toml"));
        command.arg("--out-dir").arg(target.join(what.out)).env("CARGO_TARGET_DIR", &target);
        command.env("CARGO_INCREMENTAL", "0");
        if !what.features.is_empty() {
            command.args(["--features", what.features]);
        }
        if self.offline {
            command.arg("--offline");
        }
        eprintln!("   packaging {}", target.display());
        Ok(cpu_seconds(&mut command)?.1)
    }

    /// A program of `benches/programs`, built with the profile of the packaged hello.
    pub(crate) fn peer(&self, name: &str) -> Result<PathBuf, Failure> {
        if let Some(dir) = self.peers.get() {
            return Ok(dir.join(name));
        }
        let dir = self.build_peers(&[
            "--workspace",
            "--exclude",
            "peer-lambda-sqs",
            "--exclude",
            "bench-guarded",
            "--exclude",
            "bench-layered",
        ])?;
        Ok(self.peers.get_or_init(|| dir).join(name))
    }

    /// The program on AWS's SDK, whose hundreds of thousands of lines only the one table that shows it pays for.
    pub(crate) fn sdk_peer(&self) -> Result<PathBuf, Failure> {
        Ok(self.build_peers(&["--package", "peer-lambda-sqs"])?.join("lambda-sqs"))
    }

    fn build_peers(&self, packages: &[&str]) -> Result<PathBuf, Failure> {
        self.hello()?;
        let build = self.work.join("hello/pikku/build/lambda");
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(["build", "--release", "--target", &self.target()?]).args(packages);
        command.arg("--manifest-path").arg(self.root.join("benches/programs/Cargo.toml"));
        command.env("CARGO_TARGET_DIR", self.work.join("programs")).env("CARGO_INCREMENTAL", "0");
        command.env("BENCH_CONTRACTS", build.join("pikku-bundle-hello/src/contracts.rs"));
        command.env("CARGO_PROFILE_RELEASE_STRIP", "symbols");
        release(&mut command, self.profile()?);
        if self.offline {
            command.arg("--offline");
        }
        eprintln!("   building the peers");
        succeed(&mut command)?;
        Ok(self.work.join("programs").join(self.target()?).join("release"))
    }

    /// Keeps a cargo command from the network, where that is asked for.
    pub(crate) fn stay_offline(&self, command: &mut Command) {
        if self.offline {
            command.arg("--offline");
        }
    }

    /// Packages an app as a server, with zig where the packager finds it: as a static program. All apps share what is compiled.
    pub(crate) fn package_server(&self, name: &str, app: &Path) -> Result<PathBuf, Failure> {
        let tools = env::var_os("PIKKU_TOOLS").map(PathBuf::from).unwrap_or_default();
        let others = env::var_os("PATH").unwrap_or_default();
        let path = env::join_paths(iter::once(tools.join("venv-zig/bin")).chain(env::split_paths(&others)));
        let path = path.map_err(|error| Failure::answer("PATH", error.to_string()))?;
        self.package_server_by(name, app, "static", |command| command.env("PATH", path))
    }

    /// The same linked to the C library of this machine.
    pub(crate) fn package_dynamic_server(&self, name: &str, app: &Path) -> Result<PathBuf, Failure> {
        self.package_server_by(name, app, "dynamic", |command| command.args(["--libc", "gnu"]))
    }

    fn package_server_by(
        &self,
        name: &str,
        app: &Path,
        kind: &str,
        more: impl FnOnce(&mut Command) -> &mut Command,
    ) -> Result<PathBuf, Failure> {
        let target = self.work.join("server");
        let out = target.join(kind).join(name);
        if let Some(programs) = app.parent().filter(|dir| dir.ends_with("programs")) {
            self.lend_lock(programs)?;
        }
        let mut command = Command::new(&self.packager);
        command.args(["pikku", "package", "--target", "server", "--manifest-path"]).arg(app.join("Cargo.toml"));
        command.arg("--out-dir").arg(&out).env("CARGO_TARGET_DIR", &target).env("CARGO_INCREMENTAL", "0");
        more(&mut command);
        self.stay_offline(&mut command);
        eprintln!("   packaging {}", out.display());
        succeed(&mut command)?;
        Ok(out.join(name))
    }

    /// A program of `benches/programs/server`, built with the profile of a packaged server.
    pub(crate) fn server_peer(&self, name: &str) -> Result<PathBuf, Failure> {
        if let Some(dir) = self.server_peers.get() {
            return Ok(dir.join(name));
        }
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(["build", "--release", "--package", "bench-server"]);
        command.arg("--manifest-path").arg(self.root.join("benches/programs/Cargo.toml"));
        command.env("CARGO_TARGET_DIR", self.work.join("server-programs")).env("CARGO_INCREMENTAL", "0");
        command.env("CARGO_PROFILE_RELEASE_STRIP", "symbols");
        release(&mut command, &written_profile(&self.work.join("server/pikku/build/server"))?);
        self.stay_offline(&mut command);
        eprintln!("   building the peers of the server");
        succeed(&mut command)?;
        let dir = self.work.join("server-programs/release");
        Ok(self.server_peers.get_or_init(|| dir).join(name))
    }

    /// The version of a package that the peers of a workspace are built with.
    pub(crate) fn version(&self, workspace: &str, package: &str) -> Result<String, Failure> {
        let path = self.root.join("benches").join(workspace).join("Cargo.lock");
        let text = fs::read_to_string(&path).map_err(Failure::file(&path))?;
        let after = text.split_once(&format!("name = \"{package}\"\nversion = \"")).map(|(_, after)| after);
        let version = after.and_then(|after| after.split('"').next());
        version.map(str::to_owned).ok_or_else(|| Failure::answer("cargo", format!("the peers use no `{package}`")))
    }

    /// The compiler target of the packaged hello.
    pub(crate) fn target(&self) -> Result<String, Failure> {
        let path = self.work.join("hello/out/report.json");
        let text = fs::read(&path).map_err(Failure::file(&path))?;
        let report: serde_json::Value =
            serde_json::from_slice(&text).map_err(|error| Failure::answer("cargo pikku", error.to_string()))?;
        let target = report["target"].as_str();
        target.map(str::to_owned).ok_or_else(|| Failure::answer("cargo pikku", "the report names no target"))
    }

    /// Puts the repository's lock file beside a workspace, so that all share the versions of what they use.
    pub(crate) fn lend_lock(&self, workspace: &Path) -> Result<(), Failure> {
        let (ours, theirs) = (self.root.join("Cargo.lock"), workspace.join("Cargo.lock"));
        let text = fs::read(&ours).map_err(Failure::file(&ours))?;
        // Cargo adds to the copy what only it needs; the stamp tells whether it began from today's.
        let stamp = self.work.join(format!("{}.lock", workspace.file_name().unwrap_or_default().to_string_lossy()));
        if theirs.exists() && fs::read(&stamp).is_ok_and(|stamped| stamped == text) {
            return Ok(());
        }
        fs::write(&theirs, &text).map_err(Failure::file(&theirs))?;
        fs::write(&stamp, &text).map_err(Failure::file(&stamp))
    }
}

/// The settings of the release profile that the packager wrote into a generated workspace.
fn written_profile(workspace: &Path) -> Result<Settings, Failure> {
    let path = workspace.join("Cargo.toml");
    let text = fs::read_to_string(&path).map_err(Failure::file(&path))?;
    let manifest: toml::Table =
        text.parse().map_err(|error: toml::de::Error| Failure::answer("cargo pikku", error.to_string()))?;
    let release = manifest.get("profile").and_then(|profile| profile.get("release"));
    let settings = SETTINGS.iter().filter_map(|&name| {
        let value = release?.get(name)?;
        Some((name, value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
    });
    Ok(settings.collect())
}

/// Sets a release profile for a build.
fn release(command: &mut Command, settings: &Settings) {
    for (name, value) in settings {
        let name = name.to_uppercase().replace('-', "_");
        command.env(format!("CARGO_PROFILE_RELEASE_{name}"), value);
    }
}

/// The size of a file.
pub(crate) fn bytes(path: &Path) -> Result<f64, Failure> {
    fs::metadata(path).map(|metadata| metadata.len() as f64).map_err(Failure::file(path))
}

/// The size of a zip of a program, made as the packager makes it.
pub(crate) fn zip_bytes(program: &Path) -> Result<f64, Failure> {
    let contents = fs::read(program).map_err(Failure::file(program))?;
    let options =
        SimpleFileOptions::default().compression_method(CompressionMethod::Deflated).compression_level(Some(9));
    let packed = (|| {
        let mut zip = ZipWriter::new(std::io::Cursor::new(Vec::new()));
        zip.start_file("bootstrap", options)?;
        zip.write_all(&contents)?;
        Ok(zip.finish()?.into_inner().len() as f64)
    })();
    packed.map_err(|error: zip::result::ZipError| Failure::answer("zip", error.to_string()))
}
