//! The file of settings as a server reads it: the server is a process of its own, this program again, as a bundle is one.

use libtest_mimic::{Arguments, Failed, Trial};
use pikku::{App, Contract, ContractMissing, Function, Group, Kinds, Secret, Selection, http::get};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    convert::Infallible,
    env, fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, Stdio},
    time::Duration,
};
use tempfile::TempDir;

/// Set where this program is to be the server.
const SERVER: &str = "PIKKU_TEST_IS_SERVER";
const SECRET: &str = "plantedsecret7Qx";

#[derive(Debug, pikku::Config)]
struct Settings {
    #[pikku(default = 20)]
    page_size: u32,
    limit: u8,
    banner: Option<String>,
    session_keys: Option<Secret<String>>,
}

#[pikku::function(public)]
async fn shown(settings: &Settings) -> Result<String, Infallible> {
    let Settings { page_size, limit, banner, session_keys } = settings;
    Ok(format!("{page_size} {limit} {banner:?} {}", session_keys.is_some()))
}

#[derive(Debug, Group)]
struct Shown;

/// The selection of a bundle, as the packager writes it.
struct Bundle;

impl Selection for Bundle {
    const GROUPS: Option<&'static [&'static str]> = None;
    const KINDS: Kinds = Kinds::HTTP;
    const VARIABLES: Option<&'static [&'static str]> = Some(&["BANNER", "LIMIT", "PAGE_SIZE"]);
    const SECRETS: &'static [&'static str] = &["session-keys"];

    fn contract<F: Function>() -> Result<Contract, ContractMissing> {
        pikku::All::contract::<F>()
    }
}

fn main() -> ExitCode {
    if env::var_os(SERVER).is_some() {
        return pikku_server::run(App::<Bundle>::new().group::<Shown>(|g| g.http::<shown>(get("/"))));
    }
    let test = |name: &str, run: fn()| {
        Trial::test(name, move || {
            run();
            Ok::<(), Failed>(())
        })
    };
    let tests = vec![
        test("the_environment_goes_before_the_file_and_the_file_before_defaults", precedence),
        test("a_stage_goes_before_what_is_said_for_servers", stages),
        test("every_mistake_of_the_file_is_told_with_its_place", mistakes_of_the_file),
        test("a_value_of_the_wrong_type_is_told_with_its_place", mistakes_of_values),
        test("a_file_that_cannot_be_read_stops_the_start", unreadable),
        test("the_command_line_names_the_file", command_line),
    ];
    libtest_mimic::run(&Arguments::from_args(), tests).exit_code()
}

/// A file of settings in a folder of its own.
struct File {
    path: PathBuf,
    _folder: TempDir,
}

impl File {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shop.toml");
        fs::write(&path, text).unwrap();
        Self { path, _folder: folder }
    }

    fn variable(&self) -> (&'static str, &str) {
        ("PIKKU_CONFIG", self.path.to_str().unwrap())
    }
}

fn start(variables: &[(&str, &str)], arguments: &[&Path]) -> Child {
    let mut command = Command::new(env::current_exe().unwrap());
    for name in ["BANNER", "LIMIT", "PAGE_SIZE", "SESSION_KEYS", "RUST_LOG", "PORT", "PIKKU_CONFIG", "PIKKU_STAGE"] {
        command.env_remove(name);
    }
    command.env(SERVER, "1").env("PIKKU_ADDRESS", "127.0.0.1:0").envs(variables.iter().copied()).args(arguments);
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// What the function answers.
fn answer(variables: &[(&str, &str)], arguments: &[&Path]) -> String {
    let mut child = start(variables, arguments);
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let mut log = String::new();
    let address = loop {
        assert!(lines.read_line(&mut log).unwrap() > 0, "it has ended: {log}");
        if let Some((_, after)) = log.split_once("listening on http://") {
            break after.split('"').next().unwrap().trim().to_owned();
        }
    };
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    child.wait().unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap_or_else(|_| panic!("{answer}"))
}

/// What is told of a start that fails, without the secret.
fn refused(variables: &[(&str, &str)], arguments: &[&Path]) -> String {
    let mut child = start(variables, arguments);
    let mut told = String::new();
    child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert!(!child.wait().unwrap().success() && !told.contains(SECRET), "{told}");
    told
}

fn precedence() {
    let file = File::new("[settings]\nPAGE_SIZE = 0x32\nLIMIT = 7\nBANNER = \"a sale\"\n");
    let named = file.variable();
    assert_eq!(answer(&[named], &[]), "50 7 Some(\"a sale\") false");
    let some = [named, ("PAGE_SIZE", "9"), ("BANNER", ""), ("SESSION_KEYS", SECRET)];
    assert_eq!(answer(&some, &[]), "9 7 Some(\"a sale\") true");
    let least = File::new("[settings]\nLIMIT = 7\n");
    assert_eq!(answer(&[least.variable()], &[]), "20 7 None false");
}

fn stages() {
    let file = File::new(
        "[settings]\nPAGE_SIZE = 1\nLIMIT = 1\n[targets.server]\nPAGE_SIZE = 2\nLIMIT = 2\n[targets.lambda]\nLIMIT = 9\n\
         [stages.production]\nLIMIT = 3\n",
    );
    assert_eq!(answer(&[file.variable()], &[]), "2 2 None false");
    assert_eq!(answer(&[file.variable(), ("PIKKU_STAGE", "production")], &[]), "2 3 None false");
    let told = refused(&[file.variable(), ("PIKKU_STAGE", "testing")], &[]);
    assert!(told.contains("it has no table `stages.testing`"), "{told}");
}

fn mistakes_of_the_file() {
    let text = format!("[settings]\nLIMITS = 7\nBANNER = [1]\nSESSION_KEYS = \"{SECRET}\"\n\n[setting]\n");
    let file = File::new(&text);
    let told = refused(&[file.variable()], &[]);
    for (line, said) in [
        (2, "LIMITS: nothing of the app reads it; is it `LIMIT`?"),
        (3, "BANNER: it is of the type array"),
        (4, "SESSION_KEYS: it is the secret `session-keys`, which no file of settings holds"),
        (6, "setting: there are only the tables"),
    ] {
        assert!(told.contains(&format!("shop.toml:{line}: {said}")), "{said}: {told}");
    }
    assert!(told.contains("PK8004"), "{told}");
    let text = format!("[settings]\nLIMIT = {SECRET}\n");
    let told = refused(&[File::new(&text).variable()], &[]);
    assert!(told.contains("shop.toml:2: it is no TOML"), "{told}");
}

fn mistakes_of_values() {
    let file = File::new("[settings]\n# a comment\nPAGE_SIZE = \"many\"\n\nLIMIT = 256\n");
    let told = refused(&[file.variable()], &[]);
    assert!(told.contains("shop.toml:3: PAGE_SIZE is `many`: invalid digit"), "{told}");
    assert!(told.contains("shop.toml:5: LIMIT is `256`: number too large"), "{told}");
    let told = refused(&[file.variable(), ("PAGE_SIZE", "9"), ("LIMIT", "-1")], &[]);
    assert!(told.contains("LIMIT is `-1`") && !told.contains("shop.toml"), "{told}");
}

fn unreadable() {
    let told = refused(&[("PIKKU_CONFIG", "/absent/shop.toml")], &[]);
    assert!(told.contains("/absent/shop.toml: it cannot be read: No such file"), "{told}");
    let large = File::new(&"#".repeat(256 * 1_024 + 1));
    assert!(refused(&[large.variable()], &[]).contains("it is larger than 256 KiB"));
}

fn command_line() {
    let (file, other) = (File::new("[settings]\nLIMIT = 1\n"), File::new("[settings]\nLIMIT = 2\n"));
    assert_eq!(answer(&[other.variable()], &[Path::new("--config"), &file.path]), "20 1 None false");
    let joined = PathBuf::from(format!("--config={}", file.path.display()));
    assert_eq!(answer(&[], &[&joined]), "20 1 None false");
    assert!(refused(&[], &[Path::new("--config")]).contains("--config wants the path of a file"));
    assert!(refused(&[], &[&joined, &joined]).contains("--config is given twice"));
}
