//! Files written aside and renamed into place, so that none is ever half there.

use crate::error::Error;
use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

/// Writes a file, readable by all, in one step.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    place(path, bytes, 0o644)
}

/// Writes a program in one step.
pub(crate) fn write_program(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    place(path, bytes, 0o755)
}

/// Writes a file only when it would change, so that Cargo sees no change where there is none.
pub(crate) fn write_if_changed(path: &Path, text: &str) -> Result<(), Error> {
    match fs::read(path) {
        Ok(old) if old == text.as_bytes() => Ok(()),
        _ => write(path, text.as_bytes()),
    }
}

pub(crate) fn create_dir(path: &Path) -> Result<(), Error> {
    fs::create_dir_all(path).map_err(Error::io("create", path))
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(Error::io("read", path))
}

/// Removes a file or a folder, if it is there.
pub(crate) fn remove(path: &Path) -> Result<(), Error> {
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => Err(error),
    };
    removed.map_err(Error::io("remove", path))
}

/// Makes `link` a symbolic link to `target`.
pub(crate) fn link(target: &Path, link: &Path) -> Result<(), Error> {
    if fs::read_link(link).is_ok_and(|old| old == target) {
        return Ok(());
    }
    remove(link)?;
    std::os::unix::fs::symlink(target, link).map_err(Error::io("link", link))
}

fn place(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt as _;
    let folder: PathBuf = path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
    create_dir(&folder)?;
    let written = (|| {
        let mut aside = tempfile::Builder::new().prefix(".pikku-").tempfile_in(&folder)?;
        aside.write_all(bytes)?;
        aside.as_file().set_permissions(fs::Permissions::from_mode(mode))?;
        aside.persist(path).map_err(|error| error.error)?;
        Ok(())
    })();
    written.map_err(Error::io("write", path))
}
