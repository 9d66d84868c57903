//! The zip of a bundle: the same bytes for the same files, on every machine and day.

use crate::error::Error;
use std::io::{Cursor, Write as _};
use zip::{CompressionMethod, DateTime, ZipWriter, write::SimpleFileOptions};

/// The strongest level of deflate.
const LEVEL: i64 = 9;

/// A file of a zip.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) path: String,
    pub(crate) bytes: Vec<u8>,
    /// Whether it is a program.
    pub(crate) executable: bool,
}

/// A zip of these files, in this order.
pub(crate) fn zip(entries: &[Entry]) -> Result<Vec<u8>, Error> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(LEVEL))
        .last_modified_time(DateTime::default());
    let bytes: usize = entries.iter().map(|entry| entry.bytes.len()).sum();
    let packed = (|| {
        let mut zip = ZipWriter::new(Cursor::new(Vec::with_capacity(bytes / 2)));
        for Entry { path, bytes, executable } in entries {
            zip.start_file(path.as_str(), options.unix_permissions(if *executable { 0o755 } else { 0o644 }))?;
            zip.write_all(bytes)?;
        }
        Ok(zip.finish()?.into_inner())
    })();
    packed.map_err(|error: zip::result::ZipError| Error::bug(format!("a zip could not be written: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    #[test]
    fn the_same_files_give_the_same_zip() {
        let program = b"\x7fELF program".repeat(1_000);
        let entry =
            |path: &str, bytes: &[u8], executable| Entry { path: path.to_owned(), bytes: bytes.to_vec(), executable };
        let entries = [entry("bootstrap", &program, true), entry("a/b.json", b"{}", false)];
        let packed = zip(&entries).unwrap();
        assert_eq!(packed, zip(&entries).unwrap());
        let mut archive = zip::ZipArchive::new(Cursor::new(&packed)).unwrap();
        assert_eq!(archive.len(), 2);
        for (index, Entry { path, bytes, executable }) in entries.iter().enumerate() {
            let mut file = archive.by_index(index).unwrap();
            assert_eq!(file.name().unwrap(), *path);
            assert_eq!(file.unix_mode().map(|mode| mode & 0o777), Some(if *executable { 0o755 } else { 0o644 }));
            assert_eq!(file.last_modified().map(|time| (time.year(), time.month(), time.day())), Some((1980, 1, 1)));
            let mut unpacked = Vec::new();
            file.read_to_end(&mut unpacked).unwrap();
            assert_eq!(unpacked, *bytes);
        }
    }
}
