//! `cargo pikku new`, `dev` and `call`, followed from the README in a terminal, and over a pipe.

#[path = "dev/pipe.rs"]
mod pipe;
#[path = "dev/terminal.rs"]
mod terminal;

use pikku_tests::{packager, readme};
use serde_json::{Value, json};
use std::{
    env, fs,
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// How long a build may take, the first one included, on a machine that does other things too.
const BUILD: Duration = Duration::from_secs(900);

/// How long everything else may.
const SOON: Duration = Duration::from_secs(20);

/// An app as `new` makes it, in a folder of its own. Builds go to one place, one test at a time.
struct App {
    folder: TempDir,
    _guard: MutexGuard<'static, ()>,
}

impl App {
    fn empty() -> Self {
        static BUILDS: Mutex<()> = Mutex::new(());
        let guard = BUILDS.lock().unwrap_or_else(PoisonError::into_inner);
        Self { folder: tempfile::tempdir().expect("a folder"), _guard: guard }
    }

    fn new() -> Self {
        let app = Self::empty();
        let made = app.run(app.folder.path(), &["new", "hello", "--vcs", "none"]);
        assert!(made.status.success(), "{made:?}");
        app
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("hello")
    }

    fn library(&self) -> PathBuf {
        self.path().join("src/lib.rs")
    }

    /// Changes the app's library.
    fn edit(&self, from: &str, to: &str) {
        let text = fs::read_to_string(self.library()).expect("the library");
        assert!(text.contains(from), "`{from}` is not in the library");
        fs::write(self.library(), text.replace(from, to)).expect("the library");
    }

    fn command(&self, folder: &Path) -> Command {
        let mut command = Command::new(packager());
        command.arg("pikku").current_dir(folder).envs(variables()).env_remove("PIKKU_ADDRESS").env_remove("PORT");
        command
    }

    fn run(&self, folder: &Path, args: &[&str]) -> Output {
        self.command(folder).args(args).output().expect("the packager")
    }
}

/// The variables of everything that builds here: programs for the host are built alike, so that they share what they are
/// made of.
fn variables() -> [(&'static str, String); 3] {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("dev");
    [
        ("CARGO_TARGET_DIR", target.display().to_string()),
        ("CARGO_PROFILE_DEV_DEBUG", "0".to_owned()),
        ("NO_COLOR", "1".to_owned()),
    ]
}

/// A port that nobody listens on.
fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}

/// Greets somebody over a connection of its own: the status, and the answer.
fn greet(port: u16, name: &str) -> io::Result<(u16, Value)> {
    let body = json!({"name": name}).to_string();
    let head = format!(
        "POST /greetings HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(SOON))?;
    stream.write_all((head + &body).as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    let body = answer.split_once("\r\n\r\n").and_then(|(_, body)| serde_json::from_str(body).ok());
    status.zip(body).ok_or_else(|| io::Error::other(format!("no answer: {answer}")))
}

/// Waits until something is so.
fn eventually(what: &str, limit: Duration, mut is: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is() {
        assert!(begun.elapsed() < limit, "it took too long until {what}");
        thread::sleep(Duration::from_millis(50));
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_function_is_called_with_json() {
    let app = App::new();
    let call = |args: &[&str]| app.run(&app.path(), &[&["call"], args].concat());
    let listed = call(&["--list"]);
    assert!(listed.status.success(), "{}", said(&listed));
    insta::assert_snapshot!(String::from_utf8_lossy(&listed.stdout), @"
    function       input           description
    greet          language, name  Greets someone, and leaves the rest to the queue.
    list_guests                    Everyone who was greeted.
    turn_the_page                  Begins a new page each night.
    write_down     name            Writes a guest into the book.
    ");
    let guests = call(&["list_guests"]);
    assert_eq!((guests.status.code(), &guests.stdout[..]), (Some(0), &b"[]\n"[..]));

    // A problem is the envelope that every transport carries.
    fs::write(app.path().join("input.json"), r#"{"name": ""}"#).expect("a file");
    let refused = call(&["greet", "@input.json"]);
    assert!(refused.status.code() == Some(1) && refused.stdout.is_empty(), "{refused:?}");
    let text = said(&refused);
    let envelope: Value = serde_json::from_str(text.lines().last().unwrap_or_default()).expect("an envelope");
    assert_eq!((&envelope["code"], &envelope["errors"][0]["pointer"]), (&json!("invalid_input"), &json!("/name")));

    let unknown = call(&["gret"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(
        said(&unknown).contains("error[PK8304]: the app has no function `gret`\n\nhint: is it `greet`?"),
        "{unknown:?}"
    );
    let broken = call(&["greet", "{name}"]);
    assert!(
        broken.status.code() == Some(2) && said(&broken).starts_with("error[PK8305]: the input is no JSON"),
        "{broken:?}"
    );
}

/// The environment goes before `dev.vars`, and these before `pikku.toml`; a secret that a file of its own has is left to that.
#[test]
fn a_variable_has_the_value_that_is_nearest() {
    let app = App::new();
    app.edit(
        "/// Who is to be greeted.\n",
        "/// What is set.\n#[derive(pikku::Config)]\npub struct Settings {\n    of_all: String,\n    of_two: String,\n    \
         of_the_file: String,\n    #[pikku(default = \"the default\")]\n    of_none: String,\n    kept: pikku::Secret<String>,\n}\n\n\
         /// Shows it.\n#[pikku::function(public)]\npub async fn show(settings: &Settings) -> Result<Vec<String>, Problem> {\n    \
         let Settings { of_all, of_two, of_the_file, of_none, kept } = settings;\n    \
         Ok([of_all, of_two, of_the_file, of_none, kept.expose()].map(Clone::clone).into())\n}\n\n\
         /// Who is to be greeted.\n",
    );
    app.edit(
        "g.http::<greet>(post(\"/greetings\"))",
        "g.http::<greet>(post(\"/greetings\")).http::<show>(get(\"/settings\"))",
    );
    let manifest = app.path().join("Cargo.toml");
    let vars =
        "\n[package.metadata.pikku.dev.vars]\nOF_ALL = \"dev.vars\"\nOF_TWO = \"dev.vars\"\nKEPT = \"dev.vars\"\n";
    fs::write(&manifest, fs::read_to_string(&manifest).expect("Cargo.toml") + vars).expect("Cargo.toml");
    let file = "[settings]\nOF_ALL = \"pikku.toml\"\nOF_TWO = \"pikku.toml\"\nOF_THE_FILE = \"pikku.toml\"\n";
    fs::write(app.path().join("pikku.toml"), file).expect("pikku.toml");
    let secret = app.folder.path().join("secret");
    fs::write(&secret, "a file of its own\n").expect("a file");

    let shown = |variables: &[(&str, &str)]| {
        let mut command = app.command(&app.path());
        command.args(["call", "show"]).envs(variables.iter().copied());
        let output = command.output().expect("the packager");
        assert!(output.status.success(), "{}", said(&output));
        serde_json::from_slice::<Vec<String>>(&output.stdout).expect("a list")
    };
    assert_eq!(
        shown(&[("OF_ALL", "the environment"), ("KEPT_FILE", secret.to_str().expect("text"))]),
        ["the environment", "dev.vars", "pikku.toml", "the default", "a file of its own"]
    );
    assert_eq!(shown(&[]), ["dev.vars", "dev.vars", "pikku.toml", "the default", "dev.vars"]);
}

/// What the README says beside the server: tests, and a package.
#[test]
fn a_new_app_passes_its_tests() {
    let app = App::new();
    let blocks = readme::blocks("## Start");
    let [.., (_, commands)] = blocks.as_slice() else { panic!("blocks: {blocks:?}") };
    let test = commands.lines().find(|line| line.starts_with("cargo test")).expect("the tests");
    assert!(test.starts_with("cargo test"));
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("dev/pikku/build/introspect/target");
    let tested = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["test", "--quiet", "--tests"])
        .current_dir(app.path())
        .envs(variables())
        .env("CARGO_TARGET_DIR", target)
        .output()
        .expect("cargo");
    let text = String::from_utf8_lossy(&tested.stdout);
    assert!(tested.status.success() && text.contains("2 passed"), "{text}\n{}", said(&tested));
}
