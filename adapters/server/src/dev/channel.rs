//! The socket to the packager, which is this process's standard input.

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use serde::{Deserialize, Serialize};
use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, IoSliceMut, Write as _},
    mem::MaybeUninit,
    net::TcpListener,
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::net::UnixStream,
    },
    sync::mpsc,
    thread,
};
use tokio::sync::mpsc as commands;

/// How many events may wait to be told. Those beyond are lost: an app does not wait for its being watched.
const WAITING: usize = 10_000;

/// What the packager wants.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub(super) enum Command {
    /// Take no more connections, finish what has begun, and end.
    Drain,
    /// Run a schedule now.
    Run {
        /// Its name.
        schedule: String,
        /// The time it is for (RFC 3339).
        time: String,
        /// The same in milliseconds since the Unix epoch.
        time_ms: u64,
    },
}

/// What the packager is told.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Event {
    /// The app's services are built.
    Started,
    /// The app does not start.
    Failed {
        /// The code that `cargo pikku explain` takes.
        code: &'static str,
        message: String,
        cause: Option<String>,
        hint: &'static str,
    },
    /// Connections are taken.
    Serving,
    /// No more connections are taken.
    Draining,
    /// A call was answered.
    Called(Called),
}

/// A call that was answered.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Called {
    /// What brought it, such as `http` or `queue`.
    pub(super) via: &'static str,
    /// What was called: the method and path of a request, the name of a queue or a schedule.
    pub(super) source: String,
    /// The function, where one was found.
    pub(super) function: Option<&'static str>,
    /// The status of the answer; of a call without an answer 200 or that of its problem.
    pub(super) status: u16,
    /// The code of its problem.
    pub(super) code: Option<String>,
    /// How long it took.
    pub(super) ms: f64,
}

/// Tells the packager.
#[derive(Clone, Debug)]
pub(super) struct Teller(mpsc::SyncSender<Event>);

impl Teller {
    pub(super) fn tell(&self, event: Event) {
        // Full, or nobody reads any more: then the process ends anyway.
        let _ = self.0.try_send(event);
    }
}

/// The two directions, and the socket that listens.
#[derive(Debug)]
pub(super) struct Channel {
    pub(super) listener: TcpListener,
    pub(super) commands: commands::UnboundedReceiver<Command>,
    pub(super) teller: Teller,
    /// Ends when everything has been told, after the last [`Teller`] is gone.
    pub(super) told: thread::JoinHandle<()>,
}

/// Takes over standard input, which is empty from then on for the app. The process ends when the other side does.
pub(super) fn open() -> io::Result<Channel> {
    let socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    let listener = TcpListener::from(receive(&socket)?);
    let (command, commands) = commands::unbounded_channel();
    let (teller, told) = mpsc::sync_channel(WAITING);
    let reader = BufReader::new(socket.try_clone()?);
    thread::spawn(move || {
        for line in reader.lines().map_while(Result::ok) {
            match serde_json::from_str(&line) {
                Ok(wanted) => drop(command.send(wanted)),
                Err(error) => {
                    eprintln!("warning: cargo-pikku wants what this app's pikku-server does not know: {error}")
                }
            }
        }
        // The packager is gone, and nobody would end this process.
        std::process::exit(1);
    });
    Ok(Channel { listener, commands, teller: Teller(teller), told: thread::spawn(move || write(socket, &told)) })
}

fn write(mut socket: UnixStream, events: &mpsc::Receiver<Event>) {
    for event in events {
        let Ok(mut line) = serde_json::to_vec(&event) else { continue };
        line.push(b'\n');
        if socket.write_all(&line).is_err() {
            return;
        }
    }
}

/// The socket that listens comes with the first octet.
fn receive(socket: &UnixStream) -> io::Result<OwnedFd> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut octet = [0];
    recvmsg(socket, &mut [IoSliceMut::new(&mut octet)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    let mut sockets = ancillary.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(sockets) => Some(sockets),
        _ => None,
    });
    sockets.next().and_then(|mut sockets| sockets.next()).ok_or_else(|| io::Error::other("no socket came with it"))
}
