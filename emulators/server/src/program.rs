use crate::StartError;
use bytes::Bytes;
use pikku_local_workers::{Request, RequestError, Response};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::{
    ffi::OsString,
    io,
    net::SocketAddr,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
    process::{Child, ChildStderr, Command},
    sync::oneshot,
    task::JoinHandle,
    time::timeout,
};

/// How the line of the log begins that says where a server listens.
const LISTENING: &str = "listening on http://";

/// The variable that names the store of the queues.
const QUEUES: &str = "PIKKU_QUEUES";

/// A server to be started.
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder {
    program: PathBuf,
    variables: Vec<(OsString, OsString)>,
    limit: Duration,
    shown: bool,
    handled: bool,
}

impl Builder {
    /// Sets a variable of its environment, beside those of this process.
    pub fn variable(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// Has it say what becomes of each message, so that [`LocalServer::handled`] can tell.
    pub fn telling_of_messages(self) -> Self {
        Self { handled: true, ..self }
    }

    /// Queues in a file of its own, unless a variable names another store: what other servers have sent is not for this one.
    fn own_queues(&mut self) -> io::Result<Option<TempDir>> {
        let given = self.variables.iter().any(|(name, _)| name == QUEUES) || std::env::var_os(QUEUES).is_some();
        if given {
            return Ok(None);
        }
        let folder = tempfile::tempdir()?;
        let mut address = OsString::from("sqlite:");
        address.push(folder.path().join("pikku.db"));
        self.variables.push((QUEUES.into(), address));
        Ok(Some(folder))
    }

    /// The program in its environment.
    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        // A port of the environment it is started in is not its own.
        command.env_remove("PORT").env("PIKKU_ADDRESS", "127.0.0.1:0");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Passes its log on to this process's standard error as well.
    pub fn shown(self, shown: bool) -> Self {
        Self { shown, ..self }
    }

    /// How long it may take until it listens; a minute otherwise.
    pub fn limit(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    /// Starts it on a free port, unless a variable gives it another, and with queues of its own, which are gone when it is.
    ///
    /// # Errors
    ///
    /// It does not start, with what it logged.
    pub async fn start(mut self) -> Result<LocalServer, StartError> {
        let folder =
            self.own_queues().map_err(|source| StartError::Program { program: self.program.clone(), source })?;
        let mut command = self.command();
        command.stdin(Stdio::null()).stdout(Stdio::inherit()).stderr(Stdio::piped()).kill_on_drop(true);
        let failed = |source| StartError::Program { program: self.program.clone(), source };
        // What becomes of messages is said in more detail than a person wants to read.
        if self.handled {
            command.env("RUST_LOG", "info,pikku_server::queues=debug");
        }
        let mut child = command.spawn().map_err(failed)?;
        let log = Log::default();
        let (tell, told) = oneshot::channel();
        let reader = child.stderr.take().map(|stderr| tokio::spawn(read(stderr, log.clone(), tell, self.shown)));
        match timeout(self.limit, told).await {
            Ok(Ok(address)) => Ok(LocalServer { child, address, log, reader, program: self, _queues: folder }),
            // Its log has ended, so it has.
            Ok(Err(_)) => {
                let ended = child.wait().await.map_err(failed)?;
                Err(StartError::Ended { code: ended.code(), log: log.lines().clone() })
            }
            Err(_) => Err(StartError::TooSlow { limit: self.limit, log: log.lines().clone() }),
        }
    }
}

/// A server that runs. It is killed when this is dropped.
#[derive(Debug)]
pub struct LocalServer {
    child: Child,
    address: SocketAddr,
    log: Log,
    reader: Option<JoinHandle<()>>,
    program: Builder,
    /// The folder of its queues, where they are its own.
    _queues: Option<TempDir>,
}

/// What a delivery of a message, or of a run of a schedule, came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handled {
    /// The id of the message.
    pub id: String,
    /// How often it had been delivered, this time included.
    pub receives: u64,
    /// Whether its function ended well.
    pub done: bool,
}

impl LocalServer {
    /// The server that is this program, as `cargo pikku package --target server` writes it.
    pub fn program(program: impl Into<PathBuf>) -> Builder {
        Builder {
            program: program.into(),
            variables: Vec::new(),
            limit: Duration::from_secs(60),
            shown: false,
            handled: false,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// What it has logged so far, line by line.
    pub fn logs(&self) -> Vec<String> {
        self.log.lines().clone()
    }

    /// Runs its program once more in the same environment, with arguments: a command that looks after its queues. What it
    /// prints.
    ///
    /// # Errors
    ///
    /// It cannot be started, or fails.
    pub async fn administer(&self, arguments: &[&str]) -> io::Result<String> {
        let output = self.program.command().args(arguments).stdin(Stdio::null()).output().await?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(io::Error::other(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
    }

    /// The deliveries of a queue that are over, in the order of their ends. For a server that was started as
    /// [`Builder::telling_of_messages`].
    pub fn handled(&self, queue: &str) -> Vec<Handled> {
        self.log.lines().iter().filter_map(|line| handled(line, queue)).collect()
    }

    /// Sends a request over a connection of its own; the whole response.
    ///
    /// # Errors
    ///
    /// There is no response, or it breaks off.
    pub async fn send(&self, request: Request) -> Result<Response, RequestError> {
        request.send(self.address).await?.collect().await
    }

    /// Sends octets over a connection of their own; the whole response to the first request in them, or nothing where the
    /// server closes the connection without one.
    ///
    /// # Errors
    ///
    /// The response breaks off, or does not come in time.
    pub async fn raw(&self, octets: impl Into<Bytes>, limit: Duration) -> Result<Option<Response>, RequestError> {
        let answered = match Request::octets(octets).limit(limit).send(self.address).await {
            Ok(streamed) => streamed.collect().await,
            Err(error) => Err(error),
        };
        match answered {
            Ok(response) => Ok(Some(response)),
            Err(RequestError::Connection(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sends octets and reads all that comes until the server closes.
    ///
    /// # Errors
    ///
    /// The connection fails, or is not closed in time.
    pub async fn exchange(&self, octets: &[u8], limit: Duration) -> io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(self.address).await?;
        stream.write_all(octets).await?;
        let mut all = Vec::new();
        timeout(limit, stream.read_to_end(&mut all)).await??;
        Ok(all)
    }

    /// Asks it to stop, as a supervisor does: SIGTERM.
    ///
    /// # Errors
    ///
    /// It has ended already.
    pub fn terminate(&self) -> io::Result<()> {
        self.signal(Signal::TERM)
    }

    /// Has it stand still where it is: SIGSTOP.
    ///
    /// # Errors
    ///
    /// It has ended already.
    pub fn pause(&self) -> io::Result<()> {
        self.signal(Signal::STOP)
    }

    /// Has it go on: SIGCONT.
    ///
    /// # Errors
    ///
    /// It has ended already.
    pub fn resume(&self) -> io::Result<()> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> io::Result<()> {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Ok(kill_process(id.ok_or(io::ErrorKind::NotFound)?, signal)?)
    }

    /// Waits until it has ended, and its log with it.
    ///
    /// # Errors
    ///
    /// It cannot be waited for.
    pub async fn ended(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait().await?;
        if let Some(reader) = self.reader.take() {
            reader.await.map_err(io::Error::other)?;
        }
        Ok(status)
    }
}

/// The lines of a log.
#[derive(Clone, Debug, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn lines(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps what is logged, and tells the address from it.
async fn read(stderr: ChildStderr, log: Log, tell: oneshot::Sender<SocketAddr>, shown: bool) {
    let mut tell = Some(tell);
    let mut lines = BufReader::new(stderr).split(b'\n');
    while let Ok(Some(line)) = lines.next_segment().await {
        let line = String::from_utf8_lossy(&line).into_owned();
        if let (Some(address), true) = (address(&line), tell.is_some())
            && let Some(tell) = tell.take()
        {
            // Nobody waits for it where the start was given up.
            let _ = tell.send(address);
        }
        pikku_local_logs::keep("server", &line);
        if shown {
            eprintln!("{line}");
        }
        log.lines().push(line);
    }
}

/// What a line of the log tells of a delivery.
fn handled(line: &str, queue: &str) -> Option<Handled> {
    // Most lines are of something else.
    let line: Value = serde_json::from_str(line).ok().filter(|_| line.contains(queue))?;
    let text = |name: &str| line[name].as_str();
    (text("message") == Some("handled") && text("queue") == Some(queue)).then_some(())?;
    Some(Handled { id: text("id")?.to_owned(), receives: line["receives"].as_u64()?, done: text("outcome")? == "done" })
}

/// The address in a line of the log.
fn address(line: &str) -> Option<SocketAddr> {
    let line: Value = serde_json::from_str(line).ok()?;
    line["message"].as_str()?.strip_prefix(LISTENING)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::PermissionsExt as _};

    fn script(folder: &tempfile::TempDir, text: &str) -> Builder {
        let path = folder.path().join("server");
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        LocalServer::program(path)
    }

    #[tokio::test]
    async fn the_log_says_where_it_listens() {
        let folder = tempfile::tempdir().unwrap();
        let line = r#"{"message":"listening on http://127.0.0.1:4711"}"#;
        let text = format!("trap 'exit 7' TERM; echo no JSON >&2; echo '{line}' >&2; while :; do sleep 0.05; done");
        let mut server = script(&folder, &text).start().await.unwrap();
        assert_eq!(server.address(), "127.0.0.1:4711".parse().unwrap());
        server.terminate().unwrap();
        assert_eq!(server.ended().await.unwrap().code(), Some(7));
        assert_eq!(server.logs(), ["no JSON", line]);
    }

    #[tokio::test]
    async fn deliveries_are_told_from_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let line = r#"{"message":"listening on http://127.0.0.1:4711"}"#;
        let told = r#"{"message":"handled","queue":"jobs","id":"7","receives":2,"outcome":"failed"}"#;
        let other = told.replace("jobs", "other");
        let text = format!(
            "[ \"$1\" = queues ] && echo of the queues $PIKKU_QUEUES && exit 0; [ -n \"$1\" ] && echo no >&2 && exit 2
             echo '{told}' >&2; echo '{other}' >&2; echo '{line}' >&2; sleep 60"
        );
        let server = script(&folder, &text).variable("PIKKU_QUEUES", "x").telling_of_messages().start().await.unwrap();
        assert_eq!(server.handled("jobs"), [Handled { id: "7".to_owned(), receives: 2, done: false }]);
        assert_eq!(server.administer(&["queues"]).await.unwrap(), "of the queues x\n");
        assert_eq!(server.administer(&["other"]).await.unwrap_err().to_string(), "no");
    }

    #[tokio::test]
    async fn a_server_that_does_not_begin_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let ended = script(&folder, "echo the reason >&2; exit 3").start().await.unwrap_err();
        assert_eq!(ended.to_string(), "the server ended with exit code 3 before it listened:\nthe reason");
        let slow = script(&folder, "sleep 60").limit(Duration::from_millis(50)).start().await.unwrap_err();
        assert_eq!(slow.to_string(), "the server did not listen within 0.05 s, and logged nothing");
        let none = LocalServer::program(folder.path().join("none")).start().await.unwrap_err();
        assert!(matches!(none, StartError::Program { .. }));
    }
}
