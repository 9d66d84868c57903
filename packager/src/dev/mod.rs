//! `cargo pikku dev`: the app served while it is written.
//!
//! This process owns the socket that listens and hands it to the app's process, so that no connection is refused while one
//! process of the app follows another: the next is asked to serve before the one before is asked to stop. [`watch`] says
//! what has changed, [`program`] builds, [`server`] is a process of the app, [`session`] decides what follows from what, and
//! [`screen`] says it.

mod error;
mod keys;
pub(crate) mod program;
mod screen;
mod server;
mod session;
mod told;
mod watch;

use crate::{
    cli::ProjectArgs,
    error::Error,
    output::Talk,
    project::{DevSettings, Project},
};
use clap::Args;
pub(crate) use error::DevError;
use screen::Screen;
use session::Session;
use std::{
    ffi::OsString,
    net::{SocketAddr, TcpListener, ToSocketAddrs as _},
    path::{Path, PathBuf},
};

const EXAMPLES: &str = "\
Examples:
  cargo pikku dev
  cargo pikku dev --port 3000
  cargo pikku dev --package shop --features demo
  cargo pikku dev --json | jq 'select(.event == \"called\")'

Every transport of the app is on one port. A change of the app's sources, or of a package that it takes by path, builds it
anew; while it builds, and if it does not, the app as it was goes on. At /_pikku/ is a page that describes the app.

Variables that are not set get the values that [package.metadata.pikku.dev.vars] has for them, here and in `call`, and nowhere else.

On a terminal, keys: r builds and starts it anew, s runs a schedule now, o opens the page, ? lists the keys, q ends
it, as Ctrl-C does; once more ends it at once.";

/// Where to listen unless it is said.
const ADDRESS: &str = "127.0.0.1:8080";

/// The arguments of `dev`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DevArgs {
    /// Where to listen [default: what PIKKU_ADDRESS says, or 127.0.0.1:8080]
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "port")]
    pub(crate) address: Option<String>,
    /// The port to listen on, at 127.0.0.1
    #[arg(long)]
    pub(crate) port: Option<u16>,
    /// Where queues and the state of schedules are kept [default: <target directory>/pikku/dev]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Build optimised
    #[arg(long)]
    pub(crate) release: bool,
    /// Print what happens as JSON, an object a line
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub(crate) project: ProjectArgs,
}

/// Serves until it is told to end.
pub(crate) fn run(args: &DevArgs, talk: &Talk) -> Result<(), Error> {
    let project = Project::read(&args.project)?;
    let listener = listen(args)?;
    let address = listener.local_addr().map_err(Error::io("use", "the socket"))?;
    let screen = Screen::new(talk.clone(), args.json, address);
    let executor = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let executor = executor.map_err(Error::io("start", "the event loop"))?;
    let ended = executor.block_on(async { Session::new(args.clone(), project, listener, screen)?.run().await });
    // A thread that reads keys cannot be waited for.
    executor.shutdown_background();
    ended
}

/// Listens before anything is built, which may take long.
fn listen(args: &DevArgs) -> Result<TcpListener, Error> {
    let given = match args.port {
        Some(port) => format!("127.0.0.1:{port}"),
        None => {
            let said = args.address.clone().or_else(|| std::env::var("PIKKU_ADDRESS").ok());
            said.unwrap_or_else(|| ADDRESS.to_owned())
        }
    };
    let failed = |source| Error::Dev(DevError::Listen { address: given.clone(), source });
    let addresses: Vec<SocketAddr> = given.to_socket_addrs().map_err(failed)?.collect();
    TcpListener::bind(&addresses[..]).map_err(failed)
}

/// The variables of an app's process, beside those of this one: where its queues are, and what the settings have for this
/// machine, unless that is said already.
pub(crate) fn variables(data_dir: &Path, settings: &DevSettings) -> Result<Vec<(String, OsString)>, Error> {
    let is_set = |name: &str| std::env::var_os(name).is_some();
    let mut variables = local(settings, is_set);
    if !is_set("PIKKU_QUEUES") {
        crate::files::create_dir(data_dir)?;
        let mut queues = OsString::from("sqlite:");
        queues.push(data_dir.join("queues.db"));
        variables.push(("PIKKU_QUEUES".to_owned(), queues));
    }
    if !is_set("PIKKU_DRAIN_TIME") {
        variables.push(("PIKKU_DRAIN_TIME".to_owned(), "5".into()));
    }
    Ok(variables)
}

/// The variables that the settings have for this machine. One that is set is left as it is, also one of which a file has the
/// value: that would not be looked at beside it.
fn local(settings: &DevSettings, is_set: impl Fn(&str) -> bool) -> Vec<(String, OsString)> {
    let unset = |(name, _): &(&String, &String)| !is_set(name) && !is_set(&format!("{name}_FILE"));
    settings.vars.iter().filter(unset).map(|(name, value)| (name.clone(), value.into())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_stays_as_it_is() {
        let vars = ["KEY", "PAGE", "TOKEN"].map(|name| (name.to_owned(), "of the settings".to_owned()));
        let settings = DevSettings { vars: vars.into() };
        let local = local(&settings, |name| ["PAGE", "TOKEN_FILE"].contains(&name));
        assert_eq!(local, [("KEY".to_owned(), "of the settings".into())]);
    }
}
