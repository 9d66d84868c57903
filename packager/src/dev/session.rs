//! What follows from what: a change from an edit, a build from a change, a process of the app from a build.
//!
//! At most one process serves. The next is started beside it and takes its place once it serves too; the one before then
//! finishes what it has begun. Whatever goes wrong before that leaves the one before where it is.

use super::{
    DevArgs, DevError,
    keys::Keys,
    program,
    screen::{Screen, schedules},
    server::{Built, Id, Server, Stream, in_words},
    told::{Command, Told},
    variables,
    watch::{Changes, Watch},
};
use crate::{
    build::Interrupt,
    check::check,
    error::Error,
    output::Talk,
    project::Project,
    settings::{self, SettingsArgs},
};
use chrono::{SecondsFormat, Utc};
use pikku_manifest::Manifest;
use std::{
    io,
    net::TcpListener,
    path::PathBuf,
    process::ExitStatus,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};

/// How many events wait at most; a process that writes faster waits.
const WAITING: usize = 256;

/// How long processes may take to end that were asked to. They end by themselves sooner.
const LAST: Duration = Duration::from_secs(60);

/// Something that happened.
#[derive(Debug)]
pub(super) enum Event {
    /// Files have changed, and are quiet again.
    Changed {
        /// Whether folders have come or gone.
        folders: bool,
        /// What of it concerns the app.
        changes: Option<Changes>,
    },
    /// A build has ended.
    Built(u64, Box<Result<Outcome, Error>>),
    /// A process told something.
    Told(Id, Told),
    /// A process wrote a line.
    Line(Stream, String),
    /// A process has ended.
    Ended(Id, io::Result<ExitStatus>),
    /// A key was pressed.
    Key(char),
    /// A signal asks for the end.
    Stop,
    /// This process goes on after it was stopped.
    Continued,
}

/// What a build gives.
#[derive(Debug)]
pub(super) struct Outcome {
    project: Arc<Project>,
    program: Built,
    manifest: Manifest,
}

/// A build that runs.
#[derive(Debug)]
struct Build {
    number: u64,
    interrupt: Interrupt,
}

/// The state of `cargo pikku dev`.
#[derive(Debug)]
pub(super) struct Session {
    args: DevArgs,
    project: Arc<Project>,
    listener: TcpListener,
    data_dir: PathBuf,
    screen: Screen,
    watch: Watch,
    events: mpsc::Sender<Event>,
    happened: mpsc::Receiver<Event>,
    keys: Option<Keys>,
    /// What was built last.
    manifest: Option<Manifest>,
    build: Option<Build>,
    builds: u64,
    /// Whether Cargo has to be asked anew what the project is.
    reads: bool,
    /// Whether the app is started anew even where it is the same, with the one before ended first.
    forced: bool,
    serving: Option<Server>,
    next: Option<Server>,
    /// Those that finish what they have begun.
    draining: Vec<Server>,
    /// What is started when this process has ended.
    after: Option<(Id, Built)>,
    /// The process whose last connection makes the reload complete.
    reloading: Option<Id>,
    ids: Id,
    /// Whether a schedule is being chosen.
    choosing: bool,
    stopping: Option<Instant>,
}

impl Session {
    pub(super) fn new(args: DevArgs, project: Project, listener: TcpListener, screen: Screen) -> Result<Self, Error> {
        let (events, happened) = mpsc::channel(WAITING);
        let data_dir = args.data_dir.clone().unwrap_or_else(|| project.pikku_dir().join("dev"));
        signals(&events)?;
        let keys = if screen.is_json() { None } else { Keys::listen(events.clone()) };
        Ok(Self {
            watch: Watch::begin(&project, events.clone())?,
            args,
            project: Arc::new(project),
            listener,
            data_dir,
            screen,
            events,
            happened,
            keys,
            manifest: None,
            build: None,
            builds: 0,
            reads: false,
            forced: false,
            serving: None,
            next: None,
            draining: Vec::new(),
            after: None,
            reloading: None,
            ids: 0,
            choosing: false,
            stopping: None,
        })
    }

    /// Goes on until it is told to end, and nothing that it has started is left.
    pub(super) async fn run(mut self) -> Result<(), Error> {
        self.build();
        let mut processes = tokio::time::interval(Duration::from_secs(1));
        loop {
            tokio::select! {
                Some(event) = self.happened.recv() => self.on(event).await?,
                _ = processes.tick() => {}
            }
            if self.screen.deaf && self.stopping.is_none() {
                self.stop().await;
            }
            if let Some(since) = self.stopping {
                if since.elapsed() > LAST {
                    self.kill();
                }
                if self.build.is_none() && self.processes().next().is_none() {
                    return Ok(());
                }
            }
        }
    }

    fn processes(&mut self) -> impl Iterator<Item = &mut Server> {
        self.serving.iter_mut().chain(&mut self.next).chain(&mut self.draining)
    }

    async fn on(&mut self, event: Event) -> Result<(), Error> {
        match event {
            Event::Changed { folders, changes } => {
                if folders {
                    self.watch.scan()?;
                }
                if let (Some(changes), None) = (changes, self.stopping) {
                    self.reads |= changes.manifests;
                    self.screen.changed(&changes, &self.project);
                    self.build();
                }
            }
            Event::Built(number, outcome) => {
                if self.build.take_if(|build| build.number == number).is_some() && self.stopping.is_none() {
                    self.built(*outcome).await?;
                }
            }
            Event::Told(id, told) => self.told(id, told).await,
            Event::Line(stream, line) => self.screen.said(stream, &line),
            Event::Ended(id, how) => self.ended(id, &how)?,
            Event::Key(key) => self.key(key).await,
            Event::Stop => self.stop().await,
            Event::Continued => {
                if let Some(keys) = &self.keys {
                    keys.take();
                }
            }
        }
        Ok(())
    }

    /// Begins a build; one that runs is of no use any more.
    fn build(&mut self) {
        if let Some(build) = &self.build {
            build.interrupt.end();
        }
        self.builds += 1;
        let (number, interrupt) = (self.builds, Interrupt::default());
        self.build = Some(Build { number, interrupt: interrupt.clone() });
        let known = (!self.reads).then(|| Arc::clone(&self.project));
        // Nothing else is written while no app runs, so that progress may be drawn.
        let alone = self.processes().next().is_none() && self.builds == 1;
        let (args, talk, events) = (self.args.clone(), self.screen.talk(alone), self.events.clone());
        std::thread::spawn(move || {
            let outcome = make(&args, known, &talk, &interrupt);
            // Where nobody waits for it, the session is over.
            let _ = events.blocking_send(Event::Built(number, Box::new(outcome)));
        });
    }

    async fn built(&mut self, outcome: Result<Outcome, Error>) -> Result<(), Error> {
        let Outcome { project, program, manifest } = match outcome {
            Ok(outcome) => outcome,
            Err(error) => {
                self.screen.failed(&error, self.serving.is_some());
                return Ok(());
            }
        };
        (self.project, self.manifest, self.reads) = (project, Some(manifest), false);
        self.watch.follow(&self.project, Some(&program.path))?;
        let forced = std::mem::take(&mut self.forced);
        let newest = self.next.as_ref().or(self.serving.as_ref());
        if !forced && newest.is_some_and(|newest| newest.program == program) {
            self.screen.unchanged();
            return Ok(());
        }
        // One that has not begun to serve is of no use any more.
        if let Some(mut next) = self.next.take() {
            next.kill();
            self.draining.push(next);
        }
        match self.serving.take_if(|_| forced) {
            Some(serving) => {
                self.after = Some((serving.id, program));
                self.drain(serving).await;
            }
            None => self.start(program)?,
        }
        Ok(())
    }

    fn start(&mut self, program: Built) -> Result<(), Error> {
        self.ids += 1;
        let mut variables = variables(&self.data_dir, &self.project.settings.dev)?;
        if self.screen.talk(true).has_color() && !self.screen.is_json() {
            variables.push(("PIKKU_DEV_COLOR".to_owned(), "1".into()));
        }
        variables.extend(settings::named(&self.project).map(|(name, file)| (name.to_owned(), file.into_os_string())));
        match Server::start(self.ids, program, &self.listener, &variables, &self.events) {
            Ok(server) => self.next = Some(server),
            Err(error) => self.screen.failed(&error, self.serving.is_some()),
        }
        Ok(())
    }

    /// Lets a process finish what it has begun.
    async fn drain(&mut self, mut server: Server) {
        server.tell(&Command::Drain).await;
        self.draining.push(server);
    }

    async fn told(&mut self, id: Id, told: Told) {
        match told {
            Told::Started => {}
            Told::Serving => {
                let Some(next) = self.next.take_if(|next| next.id == id) else { return };
                match self.serving.replace(next) {
                    Some(before) => {
                        self.reloading = Some(before.id);
                        self.drain(before).await;
                    }
                    None => self.shows(false),
                }
            }
            Told::Draining => self.reloaded(id),
            Told::Called(called) => self.screen.called(&called),
            Told::Failed { code, message, cause, hint } => {
                if let Some(server) = self.processes().find(|server| server.id == id) {
                    server.told_why = true;
                }
                self.screen.refused(&code, &message, cause.as_deref(), &hint);
            }
        }
    }

    fn shows(&mut self, reloaded: bool) {
        if let Some(manifest) = &self.manifest {
            self.screen.serves(manifest, reloaded, self.keys.is_some());
        }
    }

    /// The process that served before takes no more connections, so that all go to the one that follows it.
    fn reloaded(&mut self, id: Id) {
        if self.reloading.take_if(|reloading| *reloading == id).is_some() {
            self.shows(true);
        }
    }

    fn ended(&mut self, id: Id, how: &io::Result<ExitStatus>) -> Result<(), Error> {
        self.reloaded(id);
        self.draining.retain(|server| server.id != id);
        let server =
            self.next.take_if(|next| next.id == id).or_else(|| self.serving.take_if(|serving| serving.id == id));
        if let (Some(server), None) = (server, self.stopping) {
            let serves = self.serving.is_some();
            if server.told_why {
                self.screen.waits(serves);
            } else {
                let how = in_words(how, &server.program.path);
                self.screen.failed(&Error::Dev(DevError::Ended { how }), serves);
            }
        }
        match self.after.take_if(|(before, _)| *before == id) {
            Some((_, program)) if self.stopping.is_none() => self.start(program),
            _ => Ok(()),
        }
    }

    async fn key(&mut self, key: char) {
        if std::mem::take(&mut self.choosing) {
            let wanted = key.to_digit(10).and_then(|digit| (digit as usize).checked_sub(1));
            let schedules = self.schedules();
            if let Some((schedule, _)) = wanted.and_then(|wanted| schedules.get(wanted)) {
                self.run_schedule(schedule.clone()).await;
            }
            return;
        }
        match key {
            'q' => self.stop().await,
            'r' => {
                (self.forced, self.reads) = (true, true);
                self.build();
            }
            's' => match &self.schedules()[..] {
                [(schedule, _)] => self.run_schedule(schedule.clone()).await,
                schedules => {
                    self.choosing = !schedules.is_empty();
                    self.screen.choice(schedules);
                }
            },
            'o' => self.screen.page(),
            '?' | 'h' => self.screen.keys(),
            _ => {}
        }
    }

    fn schedules(&self) -> Vec<(String, String)> {
        self.manifest.as_ref().map(schedules).unwrap_or_default()
    }

    async fn run_schedule(&mut self, schedule: String) {
        let now = Utc::now();
        let (time, time_ms) = (now.to_rfc3339_opts(SecondsFormat::Secs, true), now.timestamp_millis());
        match &mut self.serving {
            Some(serving) => serving.tell(&Command::Run { schedule, time, time_ms }).await,
            None => self.screen.waits(false),
        }
    }

    /// The first time lets everything finish what it has begun; the second ends it.
    async fn stop(&mut self) {
        if self.stopping.is_some() {
            self.kill();
            return;
        }
        self.stopping = Some(Instant::now());
        if let Some(build) = &self.build {
            build.interrupt.end();
        }
        if let Some(next) = &mut self.next {
            next.kill();
        }
        if self.processes().next().is_some() {
            self.screen.stops();
        }
        if let Some(serving) = self.serving.take() {
            self.drain(serving).await;
        }
    }

    fn kill(&mut self) {
        self.processes().for_each(Server::kill);
    }
}

/// Builds the app and asks it what it is.
fn make(args: &DevArgs, known: Option<Arc<Project>>, talk: &Talk, interrupt: &Interrupt) -> Result<Outcome, Error> {
    let project = match known {
        Some(project) => project,
        None => Arc::new(Project::read(&args.project)?),
    };
    let (program, manifest) = program::build(&project, args.release, talk, interrupt)?;
    let findings = check(&manifest);
    if findings.is_empty() {
        settings::read(&project, &manifest, "server", &SettingsArgs::default())?;
        Ok(Outcome { project, program: Built::at(program), manifest })
    } else {
        Err(Error::App(findings))
    }
}

/// Signals become events.
fn signals(events: &mpsc::Sender<Event>) -> Result<(), Error> {
    let stop: fn() -> Event = || Event::Stop;
    let kinds = [
        (SignalKind::interrupt(), stop),
        (SignalKind::terminate(), stop),
        (SignalKind::hangup(), stop),
        (SignalKind::from_raw(rustix::process::Signal::CONT.as_raw()), || Event::Continued),
    ];
    for (kind, event) in kinds {
        let mut signal = signal(kind).map_err(Error::io("listen to", "signals"))?;
        let events = events.clone();
        tokio::spawn(async move { while signal.recv().await.is_some() && events.send(event()).await.is_ok() {} });
    }
    Ok(())
}
