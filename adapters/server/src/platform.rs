use crate::{file::File as SettingsFile, queues::Store};
use pikku::{
    BoxError, BoxFuture, Platform, Secret,
    platform::{Level, LogLine, OutgoingMessage, variable_of_secret},
};
use std::{
    fs::File,
    future::ready,
    io::Read as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// A process with tokio, whose log is whatever listens to `tracing`.
#[derive(Debug)]
pub(crate) struct Process {
    /// Where messages go.
    pub(crate) queues: Arc<Store>,
    /// What stands for variables that are not set.
    pub(crate) file: SettingsFile,
}

impl Platform for Process {
    fn now_ms(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }

    fn env(&self, name: &str) -> Option<String> {
        // One that is set to nothing is not set, and the file stands for it.
        let own = std::env::var(name).ok();
        if own.as_ref().is_some_and(|text| !text.is_empty()) { own } else { self.file.get(name).or(own) }
    }

    #[cfg(feature = "settings-file")]
    fn place(&self, name: &str) -> Option<String> {
        let is_own = std::env::var_os(name).is_some_and(|text| !text.is_empty());
        if is_own { None } else { self.file.place(name) }
    }

    fn secret<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Secret<String>>, BoxError>> {
        // A file of a few octets in memory, as those of containers and of systemd are: nothing is waited for.
        // No file of settings holds one.
        let env = |name: &str| std::env::var(name).ok();
        Box::pin(ready(secret(name, &|name| std::env::var_os(name).map(PathBuf::from), &env)))
    }

    fn send<'a>(&'a self, message: OutgoingMessage<'a>) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(async move { self.queues.send(&[message]).await })
    }

    fn send_all<'a>(&'a self, messages: &'a [OutgoingMessage<'a>]) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(async move { self.queues.send(messages).await })
    }

    fn log(&self, line: &LogLine<'_>) {
        // A level is a constant of its place in the source.
        macro_rules! event {
            ($level:ident) => {
                tracing::event!(
                    target: "pikku",
                    tracing::Level::$level,
                    function = line.function,
                    call_id = line.call_id,
                    trace = line.trace,
                    code = line.code,
                    status = line.status,
                    detail = line.detail,
                    "{}",
                    line.message
                )
            };
        }
        match line.level {
            Level::Info => event!(INFO),
            Level::Warn => event!(WARN),
            Level::Error => event!(ERROR),
        }
    }
}

/// The most octets of a file with a secret.
const LONGEST_SECRET: u64 = 64 * 1_024;

/// A secret: of the file that `NAME_FILE` names, as containers have them; of the credential of that name that systemd hands
/// over (`LoadCredential=`); or of the variable. One that is said to be in a file and is not is an error.
fn secret(
    name: &str,
    path: &dyn Fn(&str) -> Option<PathBuf>,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<Secret<String>>, BoxError> {
    let variable = variable_of_secret(name);
    if let Some(file) = path(&format!("{variable}_FILE")).filter(|file| !file.as_os_str().is_empty()) {
        return read(&file).map(Some).map_err(|error| format!("{}: {error}", file.display()).into());
    }
    // A name with a slash is that of no file.
    if let Some(credential) = path("CREDENTIALS_DIRECTORY").map(|folder| folder.join(name.replace('/', "-")))
        && credential.is_file()
    {
        return read(&credential).map(Some).map_err(|error| format!("{}: {error}", credential.display()).into());
    }
    Ok(env(&variable).map(Secret::new))
}

/// The text of a file, without the line's end that editors and `echo` put there.
fn read(path: &Path) -> std::io::Result<Secret<String>> {
    let mut text = String::new();
    File::open(path)?.take(LONGEST_SECRET + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LONGEST_SECRET {
        return Err(std::io::Error::other("it is longer than 64 KiB, which no secret is"));
    }
    let end = text.strip_suffix('\n').map_or(text.len(), |line| line.strip_suffix('\r').unwrap_or(line).len());
    text.truncate(end);
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_secret_comes_from_a_file_a_credential_or_a_variable() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, content: &[u8]| {
            fs::write(folder.path().join(name), content).unwrap();
            folder.path().join(name)
        };
        let env = |name: &str| (name == "SHOP_KEYS").then(|| "of the variable".to_owned());
        let told = |paths: &[(&str, &Path)]| {
            let path = |name: &str| paths.iter().find(|(known, _)| *known == name).map(|(_, path)| path.to_path_buf());
            let read = secret("shop/keys", &path, &env).map_err(|error| error.to_string());
            read.map(|secret| secret.map(Secret::into_exposed).unwrap_or_default())
        };
        assert_eq!(told(&[]).unwrap(), "of the variable");
        let credentials = ("CREDENTIALS_DIRECTORY", folder.path());
        assert_eq!(told(&[credentials]).unwrap(), "of the variable", "there is no such credential");
        file("shop-keys", b"of systemd\r\n");
        assert_eq!(told(&[credentials]).unwrap(), "of systemd");
        let own = file("own", b"of a file\n\n");
        assert_eq!(told(&[credentials, ("SHOP_KEYS_FILE", &own)]).unwrap(), "of a file\n");
        assert_eq!(told(&[("SHOP_KEYS_FILE", Path::new(""))]).unwrap(), "of the variable");
        let missing = folder.path().join("missing");
        let error = told(&[credentials, ("SHOP_KEYS_FILE", &missing)]).unwrap_err();
        assert!(error.contains("missing: No such file"), "{error}");
        let large = file("large", &[b'x'; 64 * 1_024 + 1]);
        assert!(told(&[("SHOP_KEYS_FILE", &large)]).unwrap_err().contains("longer than 64 KiB"));
        let octets = file("octets", &[0xff, 0xfe]);
        assert!(told(&[("SHOP_KEYS_FILE", &octets)]).is_err());
    }
}
