//! Keys of a terminal, one by one.

use super::session::Event;
use rustix::{
    process::getpgrp,
    termios::{LocalModes, OptionalActions, Termios, isatty, tcgetattr, tcgetpgrp, tcsetattr},
};
use std::io::{self, Read as _};
use tokio::sync::mpsc;

/// A terminal whose keys arrive as they are pressed and are not shown. It is as before when this is dropped.
#[derive(Debug)]
pub(super) struct Keys(Termios);

impl Keys {
    /// Listens to keys, where this process is the one that the terminal's keys are for.
    pub(super) fn listen(events: mpsc::Sender<Event>) -> Option<Self> {
        let stdin = io::stdin();
        if !isatty(&stdin) || !isatty(io::stdout()) || tcgetpgrp(&stdin).ok()? != getpgrp() {
            return None;
        }
        let before = tcgetattr(&stdin).ok()?;
        let keys = Self(before);
        keys.take();
        std::thread::spawn(move || {
            for octet in io::stdin().lock().bytes() {
                let Ok(octet) = octet else { return };
                if events.blocking_send(Event::Key(octet.into())).is_err() {
                    return;
                }
            }
        });
        Some(keys)
    }

    /// Ctrl-C and Ctrl-Z go on being what they are; after the latter the terminal has to be asked again.
    pub(super) fn take(&self) {
        let mut modes = self.0.clone();
        modes.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &modes);
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}
