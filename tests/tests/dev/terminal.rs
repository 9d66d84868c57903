//! A person at a terminal, which is tmux.

use super::{App, BUILD, SOON, eventually, free_port, greet, variables};
use pikku_tests::{packager, readme, target};
use regex_lite::Regex;
use serde_json::json;
use std::{
    env, fs,
    net::{Ipv4Addr, TcpStream},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// A browser that writes down what it is to open.
fn browser(folder: &Path) -> PathBuf {
    let program = folder.join("browser");
    let aside = folder.join("opened.new");
    let opened = folder.join("opened");
    let script = format!("#!/bin/sh\necho \"$1\" > {0} && mv {0} {1}\n", aside.display(), opened.display());
    fs::write(&program, script).expect("the browser is written");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("it can be run");
    program
}

/// A page as a browser has it once its script has run. What the browser keeps goes below a folder.
fn shown(url: &str, folder: &Path) -> String {
    let quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"];
    let mut chromium = Command::new("chromium");
    // Containers forbid what its sandbox is made of. The page is ours.
    chromium.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"]).args(quiet);
    chromium.arg(format!("--user-data-dir={}", folder.join("chromium").display()));
    let output = chromium.args(["--virtual-time-budget=10000", "--dump-dom", url]).output().expect("a browser");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A terminal with a shell in it.
struct Terminal {
    socket: String,
}

impl Terminal {
    fn open(folder: &Path, port: u16) -> Self {
        let terminal = Self { socket: format!("pikku-{}", std::process::id()) };
        let programs = packager().parent().expect("its folder").to_owned();
        let path = env::var_os("PATH").unwrap_or_default();
        let path = env::join_paths([programs].into_iter().chain(env::split_paths(&path))).expect("a search path");
        let mut command = terminal.tmux();
        command.args(["new-session", "-d", "-x", "100", "-y", "50", "env -u CARGO PS1='$ ' sh"]);
        command
            .current_dir(folder)
            .envs(variables())
            .env("PATH", path)
            .env("BROWSER", browser(folder))
            // What a run that was killed has left in the common target folder is none of this one's.
            .env("PIKKU_QUEUES", format!("sqlite:{}", folder.join("queues.db").display()))
            .env("PIKKU_ADDRESS", format!("127.0.0.1:{port}"));
        assert!(command.status().expect("tmux, which `cargo xtask tools` installs").success());
        terminal
    }

    fn tmux(&self) -> Command {
        let mut command = Command::new("tmux");
        command.args(["-L", &self.socket, "-f", "/dev/null"]).env("TERM", "xterm");
        command
    }

    fn types(&self, line: &str) {
        assert!(self.tmux().args(["send-keys", "-l", line]).status().expect("tmux").success());
        assert!(self.tmux().args(["send-keys", "Enter"]).status().expect("tmux").success());
    }

    /// Types a line, and waits until the screen is empty after it.
    fn leaves_nothing_of(&self, line: &str) {
        self.types(&format!("{line}; clear"));
        eventually("the screen is empty", SOON, || self.screen().trim() == "$");
    }

    fn presses(&self, key: &str) {
        assert!(self.tmux().args(["send-keys", key]).status().expect("tmux").success());
    }

    /// What is on the screen.
    fn screen(&self) -> String {
        let output = self.tmux().args(["capture-pane", "-p"]).output().expect("tmux");
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// Waits until the screen shows something; what it shows then.
    fn shows(&self, text: &str, limit: Duration) -> String {
        let mut screen = String::new();
        eventually(&format!("the screen shows `{text}`"), limit, || {
            screen = self.screen();
            let done = screen.contains(text);
            if !done && screen.contains("cannot be") {
                panic!("{screen}");
            }
            done
        });
        screen
    }

    fn clears(&self) {
        // The screen, without anything of the program's.
        assert!(self.tmux().args(["send-keys", "-R"]).status().expect("tmux").success());
        assert!(self.tmux().args(["clear-history"]).status().expect("tmux").success());
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.tmux().arg("kill-server").status();
    }
}

/// A screen without what differs between runs: times, the port, the repository's place.
fn steady(screen: &str, port: u16) -> String {
    let repository = pikku_tests::repository().canonicalize().expect("the repository");
    let mut text = screen.replace(&port.to_string(), "[PORT]").replace(&repository.display().to_string(), "[PIKKU]");
    // Only the first build of all finds out that the app has queues.
    let lines: Vec<&str> = text.lines().filter(|line| !line.contains("Built the engine of queues")).collect();
    text = lines.join("\n");
    for (pattern, steady) in [(r"\d+\.\d s\b", "[TIME] s"), (r"\d+\.\d ms\b", "[TIME] ms")] {
        text = Regex::new(pattern).expect("a pattern").replace_all(&text, steady).into_owned();
    }
    text
}

/// The lines that are Pikku's own: what the compiler says is its business.
fn without_the_compiler(screen: &str) -> String {
    let mut out = String::new();
    let mut compiler = false;
    // A message may still have been on its way when the screen was cleared.
    for line in screen.lines().filter(|line| !line.starts_with("queue ")) {
        compiler =
            (compiler || line.starts_with("error: ") || line.starts_with("error[E")) && !line.starts_with("error[PK");
        if !compiler {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

/// The lines without those that tell what this machine cannot link: whether it can is no part of what is followed.
fn without_the_linker(screen: &str) -> String {
    let (mut lines, mut warning) = (Vec::new(), false);
    for line in screen.lines() {
        warning = line.starts_with("warning: it is linked to the C library") || warning && !line.starts_with(' ');
        if !warning {
            lines.push(line);
        }
    }
    lines.join("\n")
}

#[test]
fn the_readme_is_followed_in_a_terminal() {
    let (app, port) = (App::empty(), free_port());
    let blocks = readme::blocks("## Start");
    let [(_, begin), (_, rest), ..] = blocks.as_slice() else { panic!("two blocks: {blocks:?}") };
    let [new, enter, dev] = begin.lines().collect::<Vec<_>>()[..] else { panic!("three commands: {begin}") };
    assert_eq!(dev.split_once('#').map_or(dev, |(dev, _)| dev).trim(), "cargo pikku dev");
    let terminal = Terminal::open(app.folder.path(), port);

    eventually("the shell is there", SOON, || terminal.screen().trim() == "$");
    terminal.types(new);
    let made = terminal.shows("lambda and cloudflare\n$", SOON);
    insta::assert_snapshot!("new", steady(&made, port));
    terminal.leaves_nothing_of(enter);

    terminal.types(dev);
    let serving = terminal.shows("keys: ", BUILD);
    insta::assert_snapshot!("serving", steady(&serving, port));

    // What the README sends from another terminal.
    let curl = rest.lines().find(|line| line.starts_with("curl ")).expect("a request");
    let answer = readme::shell(&curl.replace("8080", &port.to_string()), &app.path(), Path::new("/nowhere"));
    assert!(answer.contains("Hello, Ada!"), "{answer}");
    terminal.shows("POST /greetings -> greet 200", SOON);
    terminal.shows("queue greeted -> write_down 200", SOON);
    assert_eq!(greet(port, "").expect("an answer").0, 422);
    terminal.shows("422", SOON);
    // A message may be worked on before the answer is out.
    let screen = steady(&terminal.screen(), port);
    let mut calls: Vec<&str> = screen.lines().filter(|line| line.contains(" -> ")).collect();
    calls.sort_unstable();
    insta::assert_snapshot!("calls", calls.join("\n"));

    // An edit is served, a broken one is not, a mended one is.
    terminal.clears();
    app.edit("\"Hello\"", "\"Good day\"");
    let reloaded = terminal.shows("Reloaded", BUILD);
    insta::assert_snapshot!("reloaded", steady(&reloaded, port));
    assert_eq!(greet(port, "Ada").expect("an answer").1, json!({"text": "Good day, Ada!"}));
    terminal.clears();
    app.edit("let text = format!", "let text = ; format!");
    let broken = terminal.shows("as it was before", BUILD);
    assert!(broken.contains("src/lib.rs"), "the compiler's own words: {broken}");
    insta::assert_snapshot!("broken", steady(&without_the_compiler(&broken), port));
    assert_eq!(greet(port, "Ada").expect("an answer").1, json!({"text": "Good day, Ada!"}));
    terminal.clears();
    app.edit("let text = ; format!", "let text = format!");
    terminal.shows("Reloaded", BUILD);

    // Keys.
    terminal.clears();
    terminal.presses("s");
    terminal.shows("schedule turn_the_page -> turn_the_page 200", SOON);
    terminal.presses("o");
    let opened = app.folder.path().join("opened");
    eventually("the page is opened", SOON, || opened.exists());
    assert_eq!(
        fs::read_to_string(&opened).expect("what was opened").trim(),
        format!("http://127.0.0.1:{port}/_pikku/")
    );
    let page = shown(&format!("http://127.0.0.1:{port}/_pikku/"), app.folder.path());
    let wirings = ["<code>/greetings</code>", ">list_guests<", "turn_the_page: 0 4 * * * UTC", ">write_down<"];
    assert!(wirings.iter().all(|wiring| page.contains(wiring)), "{page}");
    terminal.presses("?");
    terminal.presses("q");
    let ended = terminal.shows("$", SOON);
    // What the app itself writes comes another way than what is told of its calls; a browser asks when it likes.
    assert!(ended.contains("guests were greeted"), "{ended}");
    let others = ["guests were greeted", "GET /_pikku/"];
    let own: Vec<&str> = ended.lines().filter(|line| !others.iter().any(|other| line.contains(other))).collect();
    insta::assert_snapshot!("keys", steady(&own.join("\n"), port));
    assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err(), "somebody still listens");
    // The terminal shows again what is typed.
    terminal.types("echo ended");
    terminal.shows("$ echo ended\nended", SOON);

    // The rest of what the README says, as it says it.
    let command = |begin: &str| rest.lines().find(|line| line.starts_with(begin)).expect("a command of the README");
    terminal.leaves_nothing_of("true");
    terminal.types(command("cargo pikku call "));
    let called = terminal.shows("{\"text\":", BUILD);
    insta::assert_snapshot!("called", steady(&called, port));
    // Its tests want what it was made with.
    app.edit("\"Good day\"", "\"Hello\"");
    terminal.leaves_nothing_of("true");
    terminal.types(command("cargo test"));
    let mut tested = String::new();
    eventually("the tests have run", BUILD, || {
        tested = terminal.screen();
        ["Doc-tests", "FAILED", "error"].iter().any(|end| tested.contains(end))
    });
    assert!(tested.contains("test result: ok. 2 passed"), "{tested}");
    // What a server is made of has been compiled for the packaged examples.
    terminal.leaves_nothing_of(&format!("export CARGO_TARGET_DIR={}", target().display()));
    terminal.types(&format!("{} --out-dir {}", command("cargo pikku package "), app.path().join("packaged").display()));
    terminal.shows("sha-256", BUILD);
    let packaged = terminal.shows("hello ", SOON);
    let mut packaged = without_the_linker(&steady(&packaged, port)).replace(&app.path().display().to_string(), "[APP]");
    for (pattern, steady) in [(r"\d+\.\d+ MB", "[SIZE] MB"), (r"\b[0-9a-f]{12}\b", "[SHA]")] {
        packaged = Regex::new(pattern).expect("a pattern").replace_all(&packaged, steady).into_owned();
    }
    insta::assert_snapshot!("packaged", packaged);
    assert!(app.path().join("packaged/hello.service").is_file());
}
