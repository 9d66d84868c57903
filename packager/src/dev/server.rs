//! A process of the app that serves.

use super::{
    session::Event,
    told::{Command, Told},
};
use crate::error::Error;
use rustix::{
    net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg},
    process::{Pid, Signal, kill_process_group},
};
use std::{
    ffi::OsString,
    fs, io,
    mem::MaybeUninit,
    net::TcpListener,
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::net::UnixStream,
    },
    path::{Path, PathBuf},
    process::Stdio,
    time::SystemTime,
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::unix::OwnedWriteHalf,
    process::{Child, Command as Process},
    sync::{mpsc, oneshot},
};

/// Names a process of the app among those of a session.
pub(super) type Id = u64;

/// The longest line that is passed on whole.
const LONGEST: u64 = 64 << 10;

/// A process of the app.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) id: Id,
    pub(super) program: Built,
    /// Whether it has told why it ends.
    pub(super) told_why: bool,
    commands: OwnedWriteHalf,
    kill: Option<oneshot::Sender<()>>,
}

/// A program as it was built; another build may be equal to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Built {
    pub(super) path: PathBuf,
    modified: Option<SystemTime>,
    length: u64,
}

impl Built {
    pub(super) fn at(path: PathBuf) -> Self {
        let metadata = fs::metadata(&path).ok();
        let modified = metadata.as_ref().and_then(|metadata| metadata.modified().ok());
        Self { path, modified, length: metadata.map_or(0, |metadata| metadata.len()) }
    }
}

impl Server {
    /// Starts a process, and hands it the socket that listens. What becomes of it are [`Event`]s.
    pub(super) fn start(
        id: Id,
        program: Built,
        listener: &TcpListener,
        variables: &[(String, OsString)],
        events: &mpsc::Sender<Event>,
    ) -> Result<Self, Error> {
        let path = program.path.clone();
        let failed = |source| Error::MissingProgram { program: path.display().to_string(), source };
        let (ours, theirs) = UnixStream::pair().map_err(failed)?;
        let mut command = Process::new(&path);
        // A group of its own: what it starts ends with it, and Ctrl-C reaches this process alone, which asks it to stop.
        command.arg("serve").envs(variables.iter().cloned()).process_group(0).kill_on_drop(true);
        command.stdin(OwnedFd::from(theirs)).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(failed)?;
        // The command holds the other end of the socket until now.
        drop(command);
        hand_over(&ours, listener).map_err(failed)?;
        let (reader, commands) = ours
            .set_nonblocking(true)
            .and_then(|()| tokio::net::UnixStream::from_std(ours))
            .map_err(failed)?
            .into_split();
        let readers = [
            child.stdout.take().map(|out| tokio::spawn(pass_on(out, Stream::Out, events.clone()))),
            child.stderr.take().map(|out| tokio::spawn(pass_on(out, Stream::Err, events.clone()))),
        ];
        let told = tokio::spawn(listen(BufReader::new(reader), id, events.clone()));
        let (kill, killed) = oneshot::channel();
        let events = events.clone();
        tokio::spawn(async move {
            let how = attend(child, killed).await;
            // All that it said comes before its end, unless something that it started keeps on talking.
            let last = async {
                for reader in readers.into_iter().flatten() {
                    let _ = reader.await;
                }
                let _ = told.await;
            };
            let _ = tokio::time::timeout(std::time::Duration::from_millis(500), last).await;
            let _ = events.send(Event::Ended(id, how)).await;
        });
        Ok(Self { id, program, told_why: false, commands, kill: Some(kill) })
    }

    /// Tells the process to do something. One that has ended does nothing.
    pub(super) async fn tell(&mut self, command: &Command) {
        let Ok(mut line) = serde_json::to_vec(command) else { return };
        line.push(b'\n');
        let _ = self.commands.write_all(&line).await;
    }

    /// Ends it at once, with all that it has started.
    pub(super) fn kill(&mut self) {
        if let Some(kill) = self.kill.take() {
            let _ = kill.send(());
        }
    }
}

/// Which of its streams a process wrote to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    Out,
    Err,
}

/// Sends the socket with an octet, for it cannot go alone.
fn hand_over(socket: &UnixStream, listener: &TcpListener) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let sockets = [listener.as_fd()];
    ancillary.push(SendAncillaryMessage::ScmRights(&sockets));
    sendmsg(socket, &[io::IoSlice::new(&[0])], &mut ancillary, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Waits for the end of a process, and brings it about when it is told to.
async fn attend(mut child: Child, kill: oneshot::Receiver<()>) -> io::Result<std::process::ExitStatus> {
    let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    tokio::select! {
        ended = child.wait() => return ended,
        Ok(()) = kill => {}
    }
    if let Some(group) = group {
        // It has not been waited for, so its number is still its own.
        let _ = kill_process_group(group, Signal::KILL);
    }
    child.wait().await
}

/// Passes on what a process writes, line by line; a line that is too long comes in pieces.
async fn pass_on(out: impl AsyncRead + Unpin, stream: Stream, events: mpsc::Sender<Event>) {
    let mut reader = BufReader::new(out);
    loop {
        let mut line = Vec::new();
        match (&mut reader).take(LONGEST).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        line.pop_if(|octet| *octet == b'\n');
        let line = String::from_utf8_lossy(&line).into_owned();
        if events.send(Event::Line(stream, line)).await.is_err() {
            return;
        }
    }
}

/// Listens to what the process tells.
async fn listen(reader: BufReader<impl AsyncRead + Unpin>, id: Id, events: mpsc::Sender<Event>) {
    let mut lines = reader.lines();
    while let Ok(Some(line)) = lines.next_line().await {
        // A word of a later version means nothing here.
        let Ok(told) = serde_json::from_str::<Told>(&line) else { continue };
        if events.send(Event::Told(id, told)).await.is_err() {
            return;
        }
    }
}

/// How a process ended, in words.
pub(super) fn in_words(how: &io::Result<std::process::ExitStatus>, program: &Path) -> String {
    match how {
        Ok(status) => status.to_string(),
        Err(error) => format!("{} cannot be waited for: {error}", program.display()),
    }
}
