//! A bundle on disk: where its bootstrap is and how this machine runs it.

use crate::StartError;
use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// The most that Lambda unpacks: 250 MB.
const UNPACKED_LIMIT: u64 = 250 * 1024 * 1024;

/// A bundle ready to start: the folder that is `/var/task` on Lambda, and the command that starts it.
#[derive(Debug)]
pub(crate) struct Bundle {
    /// The task root; the working directory of the process.
    pub(crate) root: PathBuf,
    /// The program, which is the bootstrap or an emulator of its processor.
    pub(crate) program: PathBuf,
    /// What the program is given.
    pub(crate) arguments: Vec<OsString>,
    /// Keeps the unpacked files for as long as they may be started.
    _unpacked: Option<TempDir>,
}

impl Bundle {
    /// Unpacks a zip as Lambda does, file modes included.
    pub(crate) fn unpack(path: &Path) -> Result<Self, StartError> {
        let at = |source| StartError::Bundle { path: path.to_owned(), source };
        let unpack = |source| StartError::Unpack { path: path.to_owned(), source };
        let refuse = |reason: String| StartError::Zip { path: path.to_owned(), reason };
        let mut zip = zip::ZipArchive::new(io::BufReader::new(File::open(path).map_err(at)?))
            .map_err(|e| refuse(e.to_string()))?;
        let unpacked = tempfile::Builder::new().prefix("pikku-lambda-").tempdir().map_err(unpack)?;
        let mut room = UNPACKED_LIMIT;
        for index in 0..zip.len() {
            let mut entry = zip.by_index(index).map_err(|e| refuse(e.to_string()))?;
            let Some(inside) = entry.enclosed_name() else {
                let name = String::from_utf8_lossy(entry.name_raw());
                return Err(refuse(format!("its entry `{name}` leads out of it")));
            };
            let target = unpacked.path().join(inside);
            if entry.is_dir() {
                fs::create_dir_all(&target).map_err(unpack)?;
                continue;
            }
            if let Some(folder) = target.parent() {
                fs::create_dir_all(folder).map_err(unpack)?;
            }
            let mut file = File::create(&target).map_err(unpack)?;
            let written = io::copy(&mut entry.by_ref().take(room + 1), &mut file).map_err(unpack)?;
            room = room
                .checked_sub(written)
                .ok_or_else(|| refuse(format!("it unpacks to more than the {UNPACKED_LIMIT} bytes Lambda takes")))?;
            let mode = entry.unix_mode().unwrap_or(0o644) & 0o777;
            file.set_permissions(fs::Permissions::from_mode(mode)).map_err(unpack)?;
        }
        let bootstrap = unpacked.path().join("bootstrap");
        if !bootstrap.is_file() {
            return Err(StartError::NoBootstrap { path: path.to_owned() });
        }
        let root = unpacked.path().to_owned();
        Self::starting(root, bootstrap, Some(unpacked))
    }

    /// Takes a bootstrap where it is; the folder around it is the task root.
    pub(crate) fn in_place(path: &Path) -> Result<Self, StartError> {
        let bootstrap =
            fs::canonicalize(path).map_err(|source| StartError::Bundle { path: path.to_owned(), source })?;
        let root = bootstrap.parent().unwrap_or(Path::new("/")).to_owned();
        Self::starting(root, bootstrap, None)
    }

    fn starting(root: PathBuf, bootstrap: PathBuf, unpacked: Option<TempDir>) -> Result<Self, StartError> {
        let architecture =
            architecture(&bootstrap).map_err(|source| StartError::Bundle { path: bootstrap.clone(), source })?;
        let (program, arguments) = match architecture {
            Some(foreign) if foreign != std::env::consts::ARCH => {
                let emulator = emulator(foreign)?;
                let mut arguments = Vec::new();
                // Debian's cross packages keep a foreign processor's C library here.
                let libraries = format!("/usr/{foreign}-linux-gnu");
                if Path::new(&libraries).is_dir() {
                    arguments.extend(["-L".into(), libraries.into()]);
                }
                arguments.push(bootstrap.into_os_string());
                (emulator, arguments)
            }
            _ => (bootstrap, Vec::new()),
        };
        Ok(Self { root, program, arguments, _unpacked: unpacked })
    }
}

/// The processor that an ELF file is for, where Lambda has that processor; a script has none.
fn architecture(path: &Path) -> io::Result<Option<&'static str>> {
    let mut header = Vec::with_capacity(20);
    File::open(path)?.take(20).read_to_end(&mut header)?;
    Ok(match header.as_slice() {
        // Lambda's processors are little-endian: byte 5 is 1, and the machine is the half word at 18.
        [0x7f, b'E', b'L', b'F', _, 1, .., 0x3e, 0x00] => Some("x86_64"),
        [0x7f, b'E', b'L', b'F', _, 1, .., 0xb7, 0x00] => Some("aarch64"),
        _ => None,
    })
}

/// The emulator of a foreign processor.
fn emulator(architecture: &'static str) -> Result<PathBuf, StartError> {
    let looked_for = [format!("qemu-{architecture}"), format!("qemu-{architecture}-static")];
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .flat_map(|folder| looked_for.iter().map(move |name| folder.join(name)).collect::<Vec<_>>())
        .find(|candidate| candidate.is_file())
        .ok_or(StartError::ForeignArchitecture { architecture, looked_for })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use zip::{ZipWriter, write::SimpleFileOptions};

    fn zip_of(entries: &[(&str, u32, &[u8])]) -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("bundle.zip");
        let mut zip = ZipWriter::new(File::create(&path).expect("the zip"));
        for (name, mode, content) in entries {
            zip.start_file(*name, SimpleFileOptions::default().unix_permissions(*mode)).expect("an entry");
            zip.write_all(content).expect("its content");
        }
        zip.finish().expect("the zip's end");
        (folder, path)
    }

    #[test]
    fn a_zip_is_unpacked_with_its_modes_and_removed_in_the_end() {
        let (_folder, path) = zip_of(&[("bootstrap", 0o755, b"#!/bin/sh\n"), ("data/words.txt", 0o600, b"one\ntwo\n")]);
        let bundle = Bundle::unpack(&path).expect("the bundle");
        let mode = |name: &str| fs::metadata(bundle.root.join(name)).expect(name).permissions().mode() & 0o777;
        assert_eq!((mode("bootstrap"), mode("data/words.txt")), (0o755, 0o600));
        assert_eq!(fs::read(bundle.root.join("data/words.txt")).expect("the file"), b"one\ntwo\n");
        assert_eq!(bundle.program, bundle.root.join("bootstrap"));
        let root = bundle.root.clone();
        drop(bundle);
        assert!(!root.exists());
    }

    #[test]
    fn a_zip_without_bootstrap_or_with_a_way_out_is_refused() {
        let (_folder, path) = zip_of(&[("bin/bootstrap", 0o755, b"")]);
        assert!(matches!(Bundle::unpack(&path), Err(StartError::NoBootstrap { .. })));
        let (_folder, path) = zip_of(&[("../bootstrap", 0o755, b"")]);
        assert!(matches!(Bundle::unpack(&path), Err(StartError::Zip { .. })));
        let folder = tempfile::tempdir().expect("a folder");
        let text = folder.path().join("text");
        fs::write(&text, "no zip").expect("a file");
        assert!(matches!(Bundle::unpack(&text), Err(StartError::Zip { .. })));
        assert!(matches!(Bundle::unpack(&folder.path().join("none")), Err(StartError::Bundle { .. })));
    }

    #[test]
    fn a_processor_is_read_from_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut elf = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0xb7, 0];
        let path = folder.path().join("bootstrap");
        fs::write(&path, &elf).expect("a file");
        assert_eq!(architecture(&path).expect("a file"), Some("aarch64"));
        elf[18] = 0x3e;
        fs::write(&path, &elf).expect("a file");
        assert_eq!(architecture(&path).expect("a file"), Some("x86_64"));
        fs::write(&path, "#!/bin/sh\n").expect("a file");
        assert_eq!(architecture(&path).expect("a file"), None);
    }
}
