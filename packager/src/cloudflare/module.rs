//! Modules of WebAssembly as files: what their name section says, and the same module without it.

use crate::{
    elf::{Symbol, crate_of},
    error::Error,
};
use std::{collections::HashMap, fmt::Display};
use wasmparser::{KnownCustom, Name, Parser, Payload, TypeRef};

/// The functions of a module, with the bytes of their code.
///
/// Functions that the name section leaves out have no name to be found by, and count for no crate.
pub(crate) fn symbols(wasm: &[u8]) -> Result<Vec<Symbol>, Error> {
    let mut imported = 0_u32;
    let mut sizes = Vec::new();
    let mut names = HashMap::new();
    for payload in Parser::new(0).parse_all(wasm) {
        match payload.map_err(broken)? {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    let function = matches!(import.map_err(broken)?.ty, TypeRef::Func(_) | TypeRef::FuncExact(_));
                    imported += u32::from(function);
                }
            }
            Payload::CodeSectionEntry(body) => sizes.push(body.range().len() as u64),
            Payload::CustomSection(section) => {
                let KnownCustom::Name(subsections) = section.as_known() else { continue };
                for subsection in subsections {
                    let Name::Function(functions) = subsection.map_err(broken)? else { continue };
                    for function in functions {
                        let function = function.map_err(broken)?;
                        names.insert(function.index, function.name);
                    }
                }
            }
            _ => {}
        }
    }
    let named =
        (imported..).zip(sizes).filter_map(|(index, bytes)| Some(symbol(names.get(&index)?, bytes, index.into())));
    Ok(named.collect())
}

fn symbol(name: &str, bytes: u64, at: u64) -> Symbol {
    let demangled = format!("{:#}", rustc_demangle::demangle(name));
    // Some tools write names that are demangled already, with the numbers of crates in them.
    let name = without_numbers(&demangled);
    let krate = if name.contains("::") { crate_of(&name) } else { None };
    Symbol { krate, name, bytes, at }
}

/// A name without the numbers that tell releases of a crate apart: `shop[1f3a…]::place`.
fn without_numbers(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(open) = rest.find('[') {
        let inside = &rest[open + 1..];
        let end = inside.find(']').unwrap_or(0);
        let number = end >= 8 && inside[..end].bytes().all(|byte| byte.is_ascii_hexdigit());
        out.push_str(&rest[..open]);
        if number {
            rest = &inside[end + 1..];
        } else {
            out.push('[');
            rest = inside;
        }
    }
    out + rest
}

/// The same module without names and all else that does not run.
pub(crate) fn strip(wasm: &[u8]) -> Result<Vec<u8>, Error> {
    const HEADER: usize = 8;
    const CUSTOM: u8 = 0;
    let mut out = wasm.get(..HEADER).ok_or_else(|| broken("it is too short"))?.to_vec();
    let mut rest = &wasm[HEADER..];
    while let Some((id, after)) = rest.split_first() {
        let (size, length) = leb(after).ok_or_else(|| broken("a section has no size"))?;
        let section = 1 + length + size;
        let bytes = rest.get(..section).ok_or_else(|| broken("a section is cut off"))?;
        if *id != CUSTOM {
            out.extend_from_slice(bytes);
        }
        rest = &rest[section..];
    }
    Ok(out)
}

/// A number of up to 32 bits in LEB128, and how many bytes it takes.
fn leb(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0_u64;
    for (index, byte) in bytes.iter().take(5).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((usize::try_from(value).ok()?, index + 1));
        }
    }
    None
}

/// The module comes from the compiler that was just run, so one that cannot be read is no mistake of the user.
fn broken(reason: impl Display) -> Error {
    Error::bug(format!("the linked module cannot be read: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A section with its size.
    fn section(id: u8, content: &[u8]) -> Vec<u8> {
        [&[id, content.len() as u8], content].concat()
    }

    /// A module with an imported function and two of its own, which are named.
    fn module(names: &[(u8, &str)]) -> Vec<u8> {
        let mut map = vec![names.len() as u8];
        for (index, name) in names {
            map.extend([*index, name.len() as u8]);
            map.extend_from_slice(name.as_bytes());
        }
        let named = [b"\x04name".as_slice(), &[1, map.len() as u8], &map].concat();
        [
            b"\0asm\x01\0\0\0".to_vec(),
            section(1, &[1, 0x60, 0, 0]),
            section(2, b"\x01\x01e\x01f\0\0"),
            section(3, &[2, 0, 0]),
            section(10, &[2, 2, 0, 0x0b, 4, 0, 0x01, 0x01, 0x0b]),
            section(0, &named),
            section(0, b"\x09producers\0"),
        ]
        .concat()
    }

    #[test]
    fn functions_have_names_and_sizes() {
        let wasm = module(&[(0, "imported"), (1, "_RNvCs1234_7mycrate3foo"), (2, "<shop[0123456789abcdef]::Db>::get")]);
        let symbols = symbols(&wasm).expect("symbols");
        let expected = [("mycrate::foo", "mycrate", 2, 1), ("<shop::Db>::get", "shop", 4, 2)];
        let expected = expected.map(|(name, krate, bytes, at)| Symbol {
            name: name.to_owned(),
            krate: Some(krate.to_owned()),
            bytes,
            at,
        });
        assert_eq!(symbols, expected);
    }

    #[test]
    fn a_stripped_module_has_no_names_and_runs_the_same() {
        let wasm = module(&[(1, "_RNvCs1234_7mycrate3foo")]);
        let stripped = strip(&wasm).expect("a module");
        assert!(symbols(&stripped).expect("none").is_empty());
        assert!(wasm.starts_with(&stripped) && stripped.len() < wasm.len() - 20);
        assert_eq!(strip(&stripped).expect("a module"), stripped);
    }

    #[test]
    fn what_is_no_module_is_refused() {
        for wrong in [b"".as_slice(), b"\0asm\x01\0\0\0\x01\x7f", b"\0asm\x01\0\0\0\x01\xff\xff\xff\xff\xff"] {
            assert!(matches!(strip(wrong), Err(Error::Bug { .. })), "{wrong:?}");
        }
        assert!(matches!(symbols(b"#!/bin/sh"), Err(Error::Bug { .. })));
    }

    #[test]
    fn only_the_numbers_of_crates_go() {
        assert_eq!(
            without_numbers("<[u8] as alloc[abcdef01]::Concat<[u8; 12]>>::f"),
            "<[u8] as alloc::Concat<[u8; 12]>>::f"
        );
        assert_eq!(without_numbers("a[b"), "a[b");
    }
}
