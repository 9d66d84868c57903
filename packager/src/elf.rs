//! Programs as files: their symbols, what they need of the platform, and the same program without symbols.
//!
//! Only 64-bit little-endian ELF is read: every Lambda processor runs that.

use crate::{error::Error, toolchain::PLATFORM_GLIBC};
use object::{
    LittleEndian as LE, Object as _, ObjectSymbol as _, U16, U32, U64,
    elf::{self, FileHeader64, SectionHeader64},
    pod,
    read::elf::{ElfFile64, FileHeader as _, ProgramHeader as _, SectionHeader as _, Sym as _},
};
use std::{fmt::Display, mem::size_of};

/// The shared libraries that `provided.al2023` has for certain: those of GLIBC, and GCC's for unwinding.
const PLATFORM_LIBRARIES: [&str; 8] = [
    "ld-linux-aarch64.so.1",
    "ld-linux-x86-64.so.2",
    "libc.so.6",
    "libdl.so.2",
    "libgcc_s.so.1",
    "libm.so.6",
    "libpthread.so.0",
    "librt.so.1",
];

/// A symbol of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Symbol {
    /// The name as Rust source would write it.
    pub(crate) name: String,
    /// The crate whose code it is; `None` where that cannot be told.
    pub(crate) krate: Option<String>,
    /// Its bytes in the program.
    pub(crate) bytes: u64,
    /// Where it is. What the compiler found to be the same code is once in the program, under all its names.
    pub(crate) at: u64,
}

/// The functions and data of a program.
pub(crate) fn symbols(program: &[u8]) -> Result<Vec<Symbol>, Error> {
    let file = ElfFile64::<LE>::parse(program).map_err(broken)?;
    let mut symbols: Vec<(u64, u64, &str)> = file
        .symbols()
        .filter(|symbol| symbol.size() > 0 && symbol.is_definition())
        .filter_map(|symbol| Some((symbol.address(), symbol.size(), symbol.name().ok()?)))
        .collect();
    symbols.sort_unstable();
    // Where two names stand for the same bytes, the bytes count once, but both names are there.
    let mut last = None;
    Ok(symbols
        .into_iter()
        .map(|(address, size, name)| {
            let again = last == Some((address, size));
            last = Some((address, size));
            let demangled = format!("{:#}", rustc_demangle::demangle(name));
            let krate = if demangled == name { None } else { crate_of(&demangled) };
            Symbol { name: demangled, krate, bytes: if again { 0 } else { size }, at: address }
        })
        .collect())
}

/// The crate that the code of a name comes from: that of the first path, or of the type an implementation is for.
pub(crate) fn crate_of(name: &str) -> Option<String> {
    let start = name.trim_start_matches(['<', '&', '*', '(', '[', ' ']);
    let start = ["mut ", "const ", "dyn ", "'static "]
        .iter()
        .fold(start, |start, word| start.strip_prefix(word).unwrap_or(start));
    let end = start.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(start.len());
    let first = &start[..end];
    if start[end..].starts_with("::") && !first.is_empty() {
        return Some(first.to_owned());
    }
    // A type without a path, such as `<str as serde::Serialize>::serialize`: the trait's crate has the code.
    let (_, rest) = name.split_once(" as ")?;
    let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_'))?;
    rest[end..].starts_with("::").then(|| rest[..end].to_owned())
}

/// What of GLIBC a program needs that is newer than the platform's: the newest version, and the symbols.
pub(crate) fn too_new(program: &[u8]) -> Result<Option<(String, Vec<String>)>, Error> {
    newer_than(PLATFORM_GLIBC, program)
}

fn newer_than(platform: (u32, u32), program: &[u8]) -> Result<Option<(String, Vec<String>)>, Error> {
    let header = FileHeader64::<LE>::parse(program).map_err(broken)?;
    let sections = header.sections(LE, program).map_err(broken)?;
    let Some(versions) = sections.versions(LE, program).map_err(broken)? else { return Ok(None) };
    let table = sections.symbols(LE, program, elf::SHT_DYNSYM).map_err(broken)?;
    let mut newest: Option<(u32, u32)> = None;
    let mut symbols = Vec::new();
    for (index, symbol) in table.enumerate() {
        let Some(version) = versions.version(versions.version_index(LE, index)).map_err(broken)? else { continue };
        let Some(number) = glibc_version(&String::from_utf8_lossy(version.name())) else { continue };
        if number > platform {
            newest = newest.max(Some(number));
            let name = symbol.name(LE, table.strings()).map_err(broken)?;
            symbols.push(String::from_utf8_lossy(name).into_owned());
        }
    }
    Ok(newest.map(|(major, minor)| (format!("{major}.{minor}"), symbols)))
}

/// `GLIBC_2.34` as (2, 34); further parts count for nothing.
fn glibc_version(name: &str) -> Option<(u32, u32)> {
    let mut parts = name.strip_prefix("GLIBC_")?.split('.').map(str::parse);
    Some((parts.next()?.ok()?, parts.next()?.ok()?))
}

/// The first shared library that a program needs and the platform lacks.
pub(crate) fn missing_library(program: &[u8]) -> Result<Option<String>, Error> {
    let header = FileHeader64::<LE>::parse(program).map_err(broken)?;
    let sections = header.sections(LE, program).map_err(broken)?;
    let Some((entries, link)) = sections.dynamic(LE, program).map_err(broken)? else { return Ok(None) };
    let strings = sections.strings(LE, program, link).map_err(broken)?;
    for entry in entries {
        use object::read::elf::Dyn as _;
        if entry.tag(LE) == elf::DT_NEEDED {
            let name = entry.string(LE, strings).map_err(broken)?;
            let name = String::from_utf8_lossy(name).into_owned();
            if !PLATFORM_LIBRARIES.contains(&name.as_str()) {
                return Ok(Some(name));
            }
        }
    }
    Ok(None)
}

/// The same program without symbols and debug information.
///
/// What a program loads lies before what it does not, so the file is cut behind the last segment, and only the headers of
/// sections that are loaded are written again.
pub(crate) fn strip(program: &[u8]) -> Result<Vec<u8>, Error> {
    let header = FileHeader64::<LE>::parse(program).map_err(broken)?;
    let table = header.sections(LE, program).map_err(broken)?;
    let segments = header.program_headers(LE, program).map_err(broken)?;
    let ends = segments.iter().map(|segment| segment.p_offset(LE).saturating_add(segment.p_filesz(LE)));
    let end = usize::try_from(ends.max().unwrap_or(0)).map_err(broken)?;
    let mut out = program.get(..end).ok_or_else(|| broken("a segment lies outside of the file"))?.to_vec();

    let kept: Vec<(usize, &SectionHeader64<LE>)> = table
        .enumerate()
        .filter(|(_, section)| section.sh_flags(LE) & u64::from(elf::SHF_ALLOC) != 0)
        .map(|(index, section)| (index.0, section))
        .collect();
    let renumbered =
        |old: u32| kept.iter().position(|(index, _)| *index == old as usize).map_or(0, |position| position as u32 + 1);
    let mut names = vec![0];
    let mut headers = vec![pod::bytes_of(&empty_section()).to_vec()];
    for (_, section) in &kept {
        let mut section = **section;
        let name = table.section_name(LE, &section).map_err(broken)?;
        section.sh_name = U32::new(LE, names.len() as u32);
        names.extend_from_slice(name);
        names.push(0);
        if section.sh_flags(LE) & u64::from(elf::SHF_INFO_LINK) != 0 {
            section.sh_info = U32::new(LE, renumbered(section.sh_info(LE)));
        }
        section.sh_link = U32::new(LE, renumbered(section.sh_link(LE)));
        headers.push(pod::bytes_of(&section).to_vec());
    }
    let mut own = empty_section();
    own.sh_name = U32::new(LE, names.len() as u32);
    own.sh_type = U32::new(LE, elf::SHT_STRTAB);
    own.sh_addralign = U64::new(LE, 1);
    names.extend_from_slice(b".shstrtab\0");
    own.sh_offset = U64::new(LE, out.len() as u64);
    own.sh_size = U64::new(LE, names.len() as u64);
    headers.push(pod::bytes_of(&own).to_vec());
    out.extend_from_slice(&names);
    out.resize(out.len().next_multiple_of(8), 0);

    let mut header = *header;
    header.e_shoff = U64::new(LE, out.len() as u64);
    header.e_shnum = U16::new(LE, headers.len() as u16);
    header.e_shstrndx = U16::new(LE, headers.len() as u16 - 1);
    out.extend(headers.into_iter().flatten());
    out[..size_of::<FileHeader64<LE>>()].copy_from_slice(pod::bytes_of(&header));
    Ok(out)
}

fn empty_section() -> SectionHeader64<LE> {
    let (word, long) = (U32::new(LE, 0), U64::new(LE, 0));
    SectionHeader64 {
        sh_name: word,
        sh_type: word,
        sh_flags: long,
        sh_addr: long,
        sh_offset: long,
        sh_size: long,
        sh_link: word,
        sh_info: word,
        sh_addralign: long,
        sh_entsize: long,
    }
}

/// The program comes from the linker that was just run, so one that cannot be read is no mistake of the user.
fn broken(reason: impl Display) -> Error {
    Error::bug(format!("the linked program cannot be read: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command};

    /// A small program, built here with the machine's own compiler.
    fn build(dir: &Path, source: &str, more: &[&str]) -> Vec<u8> {
        let (file, program) = (dir.join("main.rs"), dir.join("program"));
        fs::write(&file, source).unwrap();
        let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
        let flags = ["-Csymbol-mangling-version=v0", "-Copt-level=1", "--edition=2024", "-o"];
        let status = Command::new(rustc).args(flags).arg(&program).args(more).arg(&file).status().unwrap();
        assert!(status.success());
        fs::read(program).unwrap()
    }

    #[test]
    fn a_stripped_program_is_smaller_and_does_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let program = build(
            dir.path(),
            "#[inline(never)] fn marked(n: u32) -> u32 { std::hint::black_box(n) + 40 }
             fn main() { println!(\"{}\", marked(2)); std::panic::catch_unwind(|| panic!(\"x\")).unwrap_err(); }",
            &[],
        );
        assert!(symbols(&program).unwrap().iter().any(|symbol| symbol.name == "main::marked"));
        let stripped = strip(&program).unwrap();
        assert!(stripped.len() < program.len() / 2, "{} of {}", stripped.len(), program.len());
        assert!(symbols(&stripped).unwrap().is_empty());
        assert!(!stripped.windows(6).any(|bytes| bytes == b"marked"));
        let path = dir.path().join("stripped");
        fs::write(&path, &stripped).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let output = Command::new(&path).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert_eq!(output.stdout, b"42\n");
        // Stripping again changes nothing, and the file still says what it needs of the platform.
        assert_eq!(strip(&stripped).unwrap(), stripped);
        assert_eq!(too_new(&stripped).unwrap(), too_new(&program).unwrap());
        assert_eq!(missing_library(&stripped).unwrap(), None);
    }

    #[test]
    fn what_the_platform_lacks_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let program = build(dir.path(), "fn main() { println!(\"{:?}\", std::env::args()); }", &["-Cprefer-dynamic"]);
        // Measured by platforms of before and after this machine's.
        let (newest, symbols) = newer_than((2, 0), &program).unwrap().expect("something is newer");
        assert!(glibc_version(&format!("GLIBC_{newest}")).unwrap() > (2, 0), "{newest}");
        assert!(symbols.iter().any(|symbol| symbol == "__libc_start_main"), "{symbols:?}");
        assert_eq!(newer_than((3, 0), &program).unwrap(), None);
        let library = missing_library(&program).unwrap().expect("a library of Rust's own");
        assert!(library.starts_with("libstd-"), "{library}");
    }

    #[test]
    fn crates_of_names() {
        for (name, krate) in [
            ("shop::orders::place_order::{closure#0}", Some("shop")),
            ("<alloc::vec::Vec<u8> as core::fmt::Debug>::fmt", Some("alloc")),
            ("<&mut serde_json::ser::Serializer<W> as serde::Serializer>::serialize_str", Some("serde_json")),
            ("<dyn core::any::Any>::is", Some("core")),
            ("<str as serde_core::ser::Serialize>::serialize::<X>", Some("serde_core")),
            ("<[u8] as alloc::slice::Concat<u8>>::concat", Some("alloc")),
            ("memcpy", None),
        ] {
            assert_eq!(crate_of(name).as_deref(), krate, "{name}");
        }
    }

    #[test]
    fn versions_compare_as_numbers() {
        assert_eq!(glibc_version("GLIBC_2.34"), Some((2, 34)));
        assert_eq!(glibc_version("GLIBC_2.2.5"), Some((2, 2)));
        assert!(glibc_version("GLIBC_2.4").unwrap() < PLATFORM_GLIBC);
        assert_eq!(glibc_version("GLIBC_PRIVATE"), None);
        assert_eq!(glibc_version("GCC_3.0"), None);
    }

    #[test]
    fn what_is_no_program_is_refused() {
        assert!(matches!(strip(b"#!/bin/sh\n"), Err(Error::Bug { .. })));
        assert!(matches!(symbols(&[0x7f, b'E', b'L', b'F']), Err(Error::Bug { .. })));
    }
}
