//! The zip of a bundle: the same bytes for the same program, on every machine and day.

use crate::error::Error;
use std::io::{Cursor, Write as _};
use zip::{CompressionMethod, DateTime, ZipWriter, write::SimpleFileOptions};

/// The strongest level of deflate.
const LEVEL: i64 = 9;

/// A zip with the program under the name that Lambda starts.
pub(crate) fn zip(bootstrap: &[u8]) -> Result<Vec<u8>, Error> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(LEVEL))
        .unix_permissions(0o755)
        .last_modified_time(DateTime::default());
    let packed = (|| {
        let mut zip = ZipWriter::new(Cursor::new(Vec::with_capacity(bootstrap.len() / 2)));
        zip.start_file("bootstrap", options)?;
        zip.write_all(bootstrap)?;
        Ok(zip.finish()?.into_inner())
    })();
    packed.map_err(|error: zip::result::ZipError| Error::bug(format!("a zip could not be written: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    #[test]
    fn the_same_program_gives_the_same_zip() {
        let program = b"\x7fELF program".repeat(1_000);
        let packed = zip(&program).unwrap();
        assert_eq!(packed, zip(&program).unwrap());
        let mut archive = zip::ZipArchive::new(Cursor::new(&packed)).unwrap();
        assert_eq!(archive.len(), 1);
        let mut file = archive.by_index(0).unwrap();
        assert_eq!(file.name().unwrap(), "bootstrap");
        assert_eq!(file.unix_mode().map(|mode| mode & 0o777), Some(0o755));
        assert_eq!(file.last_modified().map(|time| (time.year(), time.month(), time.day())), Some((1980, 1, 1)));
        let mut unpacked = Vec::new();
        file.read_to_end(&mut unpacked).unwrap();
        assert_eq!(unpacked, program);
    }
}
