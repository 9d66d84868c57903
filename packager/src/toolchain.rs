//! Which compiler target and linker a bundle is built with.
//!
//! Nothing is installed behind the user's back: what is missing is named with the command that brings it.

use crate::{
    cli::{Arch, Libc},
    error::Error,
};
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// The newest GLIBC that `provided.al2023` has. Of the images of Azure Functions those on Debian 12, Ubuntu and Azure Linux 3
/// have a newer one, and those on Debian 11 an older one (2.31), for which `--libc musl` makes a static program.
pub(crate) const PLATFORM_GLIBC: (u32, u32) = (2, 34);

/// The target of bundles for Cloudflare Workers.
pub(crate) const WASM: &str = "wasm32-unknown-unknown";

/// A compiler target with its linker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Toolchain {
    /// The target.
    pub(crate) triple: String,
    /// How it is linked.
    pub(crate) linker: Linker,
    /// The processor's name in reports and templates.
    pub(crate) arch: &'static str,
    /// The oldest processor that the platform has, where it is newer than the target's own.
    pub(crate) cpu: Option<&'static str>,
    /// The folder of Rust's own source where the standard library is built from it.
    pub(crate) std_source: Option<PathBuf>,
}

/// How a bundle is linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Linker {
    /// As Rust does it for the host.
    Host,
    /// With Rust's own `rust-lld`, which is enough where all code is Rust.
    RustLld,
    /// With zig through cargo-zigbuild, which brings a C compiler and any GLIBC.
    Zig,
}

/// What is there to build with.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    /// The host's target.
    pub(crate) host: String,
    /// Where Rust's standard libraries are.
    sysroot: PathBuf,
    /// Whether zig and cargo-zigbuild are on PATH.
    zig: bool,
    /// Whether the C compiler for musl is, which Debian's `musl-tools` brings for the host's own processor.
    musl_gcc: bool,
}

impl Machine {
    /// Looks at the machine; `dir` decides which toolchain rustup chooses.
    pub(crate) fn look(dir: &Path) -> Result<Self, Error> {
        let version = rustc(dir, &["-vV"])?;
        let host = version.lines().find_map(|line| line.strip_prefix("host: "));
        let host = host.ok_or_else(|| Error::bug("`rustc -vV` names no host"))?.to_owned();
        let sysroot = PathBuf::from(rustc(dir, &["--print", "sysroot"])?.trim());
        let zig = on_path("cargo-zigbuild") && (on_path("zig") || zig_of_python());
        Ok(Self { host, sysroot, zig, musl_gcc: on_path("musl-gcc") })
    }

    fn has_target(&self, triple: &str) -> bool {
        self.sysroot.join("lib/rustlib").join(triple).join("lib").is_dir()
    }

    /// Whether a program that needs no C library can be built, C code and all.
    pub(crate) fn links_static(&self, arch: Arch) -> bool {
        let own = self.host == format!("{}-unknown-linux-gnu", processor(arch));
        self.has_target(&musl(arch)) && (self.zig || own && self.musl_gcc)
    }

    /// Chooses the target and the linker.
    pub(crate) fn choose(&self, arch: Arch, libc: Option<Libc>) -> Result<Toolchain, Error> {
        let gnu = format!("{}-unknown-linux-gnu", processor(arch));
        let (triple, linker) = match libc {
            // What this machine links by itself runs on the platform in most cases, and is checked. Who asks for GLIBC
            // gets the platform's own version where zig brings it.
            None if self.host == gnu => (gnu, Linker::Host),
            None | Some(Libc::Gnu) if self.zig => (gnu, Linker::Zig),
            Some(Libc::Gnu) if self.host == gnu => (gnu, Linker::Host),
            Some(Libc::Gnu) => {
                return Err(Error::MissingLinker {
                    hint: "install zig and cargo-zigbuild (`pip install ziglang cargo-zigbuild`), or use --libc musl, \
                           which needs neither where all code is Rust"
                        .to_owned(),
                    triple: gnu,
                });
            }
            None | Some(Libc::Musl) => (musl(arch), if self.zig { Linker::Zig } else { Linker::RustLld }),
        };
        if !self.has_target(&triple) {
            return Err(Error::MissingTarget { triple });
        }
        let arch = if arch == Arch::Arm64 { "arm64" } else { "x86_64" };
        // Graviton 2, the oldest Arm processor that Lambda runs on.
        let cpu = (arch == "arm64").then_some("neoverse-n1");
        Ok(Toolchain { triple, linker, arch, cpu, std_source: None })
    }

    /// The target of WebAssembly, with the standard library that is installed or one that is built from its source.
    pub(crate) fn wasm(&self, build_std: bool) -> Result<Toolchain, Error> {
        let source = self.sysroot.join("lib/rustlib/src/rust");
        if build_std && !source.join("library/std/Cargo.toml").is_file() {
            return Err(Error::MissingSource { path: source });
        }
        let triple = WASM.to_owned();
        if !build_std && !self.has_target(&triple) {
            return Err(Error::MissingTarget { triple });
        }
        let std_source = build_std.then_some(source);
        Ok(Toolchain { triple, linker: Linker::Host, arch: "wasm32", cpu: None, std_source })
    }
}

impl Toolchain {
    /// The flags that every crate of a bundle is compiled with, besides those for reproducibility.
    pub(crate) fn rustflags(&self) -> Vec<String> {
        // Warnings are for the developer's own builds, not for packaging.
        let mut flags = vec!["-Csymbol-mangling-version=v0".to_owned(), "-Awarnings".to_owned()];
        if self.linker == Linker::RustLld {
            flags.extend(["-Clinker=rust-lld", "-Clink-self-contained=yes"].map(str::to_owned));
        }
        flags.extend(self.cpu.map(|cpu| format!("-Ctarget-cpu={cpu}")));
        flags
    }

    /// Whether a program is linked to a C library that has to be where it runs.
    pub(crate) fn is_dynamic(&self) -> bool {
        self.triple.ends_with("gnu")
    }

    /// The target as the build command takes it.
    pub(crate) fn target_argument(&self) -> String {
        match self.linker {
            Linker::Zig if self.is_dynamic() => {
                format!("{}.{}.{}", self.triple, PLATFORM_GLIBC.0, PLATFORM_GLIBC.1)
            }
            _ => self.triple.clone(),
        }
    }
}

/// The processor as targets call it.
fn processor(arch: Arch) -> &'static str {
    match arch {
        Arch::X86_64 => "x86_64",
        Arch::Arm64 => "aarch64",
    }
}

/// The target of static programs.
pub(crate) fn musl(arch: Arch) -> String {
    format!("{}-unknown-linux-musl", processor(arch))
}

fn rustc(dir: &Path, args: &[&str]) -> Result<String, Error> {
    let program = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let output = Command::new(&program).args(args).current_dir(dir).output();
    let output = output.map_err(|source| Error::MissingProgram { program: program.clone(), source })?;
    if !output.status.success() {
        let source = std::io::Error::other(String::from_utf8_lossy(&output.stderr).trim().to_owned());
        return Err(Error::MissingProgram { program, source });
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether Python has zig, as `pip install ziglang` leaves it: without a program of that name, which cargo-zigbuild knows.
fn zig_of_python() -> bool {
    let mut python = std::process::Command::new("python3");
    python.args(["-c", "import ziglang"]).stdin(std::process::Stdio::null());
    python.output().is_ok_and(|output| output.status.success())
}

fn on_path(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(program).is_file()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [&str; 4] = [
        "x86_64-unknown-linux-gnu",
        "x86_64-unknown-linux-musl",
        "aarch64-unknown-linux-gnu",
        "aarch64-unknown-linux-musl",
    ];

    fn machine(dir: &Path, host: &str, zig: bool, targets: &[&str]) -> Machine {
        for target in targets {
            std::fs::create_dir_all(dir.join("lib/rustlib").join(target).join("lib")).unwrap();
        }
        Machine { host: host.to_owned(), sysroot: dir.to_path_buf(), zig, musl_gcc: false }
    }

    fn chosen(machine: &Machine, arch: Arch, libc: Option<Libc>) -> String {
        match machine.choose(arch, libc) {
            Ok(toolchain) => format!("{} {:?}", toolchain.target_argument(), toolchain.linker),
            Err(error) => error.code().unwrap_or_default().to_owned(),
        }
    }

    #[test]
    fn what_is_there_decides() {
        let dir = tempfile::tempdir().unwrap();
        let host = "x86_64-unknown-linux-gnu";
        let plain = machine(dir.path(), host, false, &ALL);
        assert_eq!(chosen(&plain, Arch::X86_64, None), "x86_64-unknown-linux-gnu Host");
        assert_eq!(chosen(&plain, Arch::X86_64, Some(Libc::Gnu)), "x86_64-unknown-linux-gnu Host");
        assert_eq!(chosen(&plain, Arch::X86_64, Some(Libc::Musl)), "x86_64-unknown-linux-musl RustLld");
        assert_eq!(chosen(&plain, Arch::Arm64, None), "aarch64-unknown-linux-musl RustLld");
        assert_eq!(chosen(&plain, Arch::Arm64, Some(Libc::Gnu)), "PK3002");
        let zig = machine(dir.path(), host, true, &[]);
        assert_eq!(chosen(&zig, Arch::X86_64, None), "x86_64-unknown-linux-gnu Host");
        assert_eq!(chosen(&zig, Arch::X86_64, Some(Libc::Gnu)), "x86_64-unknown-linux-gnu.2.34 Zig");
        assert_eq!(chosen(&zig, Arch::Arm64, None), "aarch64-unknown-linux-gnu.2.34 Zig");
        assert_eq!(chosen(&zig, Arch::Arm64, Some(Libc::Musl)), "aarch64-unknown-linux-musl Zig");
        let mac = machine(dir.path(), "aarch64-apple-darwin", false, &[]);
        assert_eq!(chosen(&mac, Arch::X86_64, None), "x86_64-unknown-linux-musl RustLld");
    }

    #[test]
    fn static_programs_need_the_target_and_a_compiler_of_c() {
        let dir = tempfile::tempdir().unwrap();
        let host = "x86_64-unknown-linux-gnu";
        let can = |machine: &Machine| [Arch::X86_64, Arch::Arm64].map(|arch| machine.links_static(arch));
        let plain = machine(dir.path(), host, false, &ALL);
        assert_eq!(can(&plain), [false, false]);
        assert_eq!(can(&Machine { musl_gcc: true, ..plain.clone() }), [true, false]);
        assert_eq!(can(&Machine { zig: true, ..plain.clone() }), [true, true]);
        let mac = Machine { host: "x86_64-apple-darwin".to_owned(), musl_gcc: true, ..plain };
        assert_eq!(can(&mac), [false, false]);
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(can(&machine(dir.path(), host, true, &["aarch64-unknown-linux-musl"])), [false, true]);
    }

    #[test]
    fn a_missing_target_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let bare = machine(dir.path(), "x86_64-unknown-linux-gnu", false, &["x86_64-unknown-linux-gnu"]);
        assert_eq!(chosen(&bare, Arch::X86_64, None), "x86_64-unknown-linux-gnu Host");
        assert_eq!(chosen(&bare, Arch::Arm64, None), "PK3001");
    }

    #[test]
    fn wasm_has_its_library_or_its_source() {
        let dir = tempfile::tempdir().unwrap();
        let bare = machine(dir.path(), "x86_64-unknown-linux-gnu", false, &[]);
        assert!(matches!(bare.wasm(false), Err(Error::MissingTarget { .. })));
        assert!(bare.wasm(false).unwrap_err().hint().unwrap().contains("--build-std"));
        assert!(matches!(bare.wasm(true), Err(Error::MissingSource { .. })));
        let dir = tempfile::tempdir().unwrap();
        let full = machine(dir.path(), "x86_64-unknown-linux-gnu", false, &[WASM]);
        std::fs::create_dir_all(dir.path().join("lib/rustlib/src/rust/library/std")).unwrap();
        std::fs::write(dir.path().join("lib/rustlib/src/rust/library/std/Cargo.toml"), "").unwrap();
        assert_eq!(full.wasm(false).unwrap().std_source, None);
        assert!(full.wasm(true).unwrap().std_source.is_some());
    }
}
