//! `cargo pikku dev` where nobody watches: lines of JSON, and what goes wrong.

use super::{App, BUILD, SOON, eventually, free_port, greet, said};
use serde_json::{Value, json};
use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::{Ipv4Addr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

/// The app under development, and what is told of it.
struct Dev {
    child: Child,
    events: mpsc::Receiver<Value>,
    talk: Arc<Mutex<String>>,
    port: u16,
}

impl Dev {
    fn start(app: &App) -> Self {
        let port = free_port();
        let mut command = app.command(&app.path());
        command.args(["dev", "--json", "--port", &port.to_string()]);
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the packager");
        let (tell, events) = mpsc::channel();
        let out = BufReader::new(child.stdout.take().expect("its output"));
        thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                let event = serde_json::from_str(&line).unwrap_or_else(|error| panic!("no JSON, {error}: {line}"));
                if tell.send(event).is_err() {
                    return;
                }
            }
        });
        let talk = Arc::new(Mutex::new(String::new()));
        let (err, kept) = (BufReader::new(child.stderr.take().expect("its talk")), Arc::clone(&talk));
        thread::spawn(move || {
            for line in err.lines().map_while(Result::ok) {
                kept.lock().expect("the talk").push_str(&(line + "\n"));
            }
        });
        Self { child, events, talk, port }
    }

    /// Waits for an event, and passes over others.
    fn event(&self, name: &str) -> Value {
        let begun = Instant::now();
        while let Some(left) = BUILD.checked_sub(begun.elapsed()) {
            let Ok(event) = self.events.recv_timeout(left) else { break };
            if event["event"] == name {
                return event;
            }
        }
        panic!("no event `{name}`: {}", self.said())
    }

    /// Waits until the app is built again; Cargo decides whether it is linked anew.
    fn mended(&self) {
        let begun = Instant::now();
        while let Some(left) = BUILD.checked_sub(begun.elapsed()) {
            let Ok(event) = self.events.recv_timeout(left) else { break };
            if event["event"] == "reloaded" || event["event"] == "unchanged" {
                return;
            }
        }
        panic!("the app is not mended: {}", self.said())
    }

    /// The next event, which comes soon.
    fn next(&self) -> Option<Value> {
        self.events.recv_timeout(Duration::from_secs(3)).ok()
    }

    fn said(&self) -> String {
        self.talk.lock().expect("the talk").clone()
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([format!("-{name}"), self.child.id().to_string()]).status();
        assert!(sent.expect("kill").success());
    }

    fn text(&self) -> Value {
        greet(self.port, "Ada").expect("an answer").1["text"].clone()
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn nobody_listens(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err()
}

/// Sends requests, each over a connection of its own, until it is told to stop or something is no answer; how many, and
/// what that was.
fn requests(port: u16, stop: Arc<AtomicBool>) -> thread::JoinHandle<(usize, Vec<String>)> {
    thread::spawn(move || {
        let (mut count, mut wrong) = (0, Vec::new());
        while !stop.load(Ordering::Relaxed) && wrong.is_empty() {
            // Compilers need the machine too.
            thread::sleep(Duration::from_millis(5));
            match greet(port, "Ada") {
                Ok((200, _)) => {}
                other => wrong.push(format!("{other:?}")),
            }
            count += 1;
        }
        (count, wrong)
    })
}

#[test]
fn no_request_is_refused_while_the_app_is_reloaded() {
    let app = App::new();
    let mut dev = Dev::start(&app);
    let serving = dev.event("serving");
    assert_eq!(serving["address"], format!("http://127.0.0.1:{}", dev.port));
    assert_eq!(
        serving["wirings"][0],
        json!({"kind": "http", "source": "POST /greetings", "function": "greet", "group": "greetings"})
    );
    let stop = Arc::new(AtomicBool::new(false));
    let clients = [(); 2].map(|()| requests(dev.port, Arc::clone(&stop)));
    for (from, to) in [("\"Hello\"", "\"Good day\""), ("\"Good day\"", "\"Welcome\"")] {
        app.edit(from, to);
        dev.event("reloaded");
        assert_eq!(dev.text(), format!("{}, Ada!", to.trim_matches('"')));
    }
    stop.store(true, Ordering::Relaxed);
    let (counts, wrong): (Vec<_>, Vec<_>) = clients.map(|client| client.join().expect("a client")).into_iter().unzip();
    let (count, wrong) = (counts.iter().sum::<usize>(), wrong.concat());
    assert!(count > 100 && wrong.is_empty(), "{} of {count}: {:?}", wrong.len(), wrong.first());

    dev.signal("TERM");
    let ended = dev.child.wait().expect("its end");
    assert!(ended.success() && nobody_listens(dev.port), "{ended}\n{}", dev.said());
    assert!(!dev.said().contains('\u{1b}'), "{}", dev.said());
}

#[test]
fn what_goes_wrong_leaves_the_app_where_it_is() {
    let app = App::new();
    let mut dev = Dev::start(&app);
    dev.event("serving");

    // It does not compile.
    app.edit("\"Hei\"", "\"Hei");
    let failed = dev.event("failed");
    assert_eq!((&failed["code"], &failed["serving"]), (&json!("PK2001"), &json!(true)));
    app.edit("\"Hei", "\"Hei\"");
    dev.mended();

    // It does not start.
    app.edit("Guests::default()\n", "panic!(\"no book\")\n");
    let failed = dev.event("failed");
    assert_eq!((&failed["code"], &failed["serving"]), (&json!("PK8306"), &json!(true)));
    assert_eq!(dev.text(), "Hello, Ada!");
    app.edit("panic!(\"no book\")\n", "Guests::default()\n");
    dev.mended();

    // The sources are gone, and come back.
    let (src, away) = (app.path().join("src"), app.path().join("away"));
    fs::rename(&src, &away).expect("a rename");
    assert_eq!(dev.event("failed")["serving"], true);
    assert_eq!(dev.text(), "Hello, Ada!");
    fs::rename(&away, &src).expect("a rename");
    dev.mended();

    // Thousands of files at once are one change.
    fs::create_dir(src.join("many")).expect("a folder");
    for number in 0..3000 {
        fs::write(src.join(format!("many/file{number}.rs")), "").expect("a file");
    }
    let mut changes = 0;
    while let Some(event) = dev.next() {
        changes += usize::from(event["event"] == "changed");
    }
    assert!((1..=4).contains(&changes), "{changes} changes");

    // It dies, and the next change starts it again.
    let processes = Command::new("pgrep").args(["-P", &dev.child.id().to_string()]).output().expect("pgrep");
    let process = String::from_utf8_lossy(&processes.stdout).trim().to_owned();
    assert!(Command::new("kill").args(["-9", &process]).status().expect("kill").success(), "{process}");
    let failed = dev.event("failed");
    assert_eq!((&failed["code"], &failed["serving"]), (&json!("PK8306"), &json!(false)));
    app.edit("\"Hello\"", "\"Welcome\"");
    dev.event("serving");
    assert_eq!(dev.text(), "Welcome, Ada!");

    // A change while a build runs takes its place.
    app.edit("\"Welcome\"", "\"One\"");
    dev.event("changed");
    app.edit("\"One\"", "\"Two\"");
    dev.event("reloaded");
    eventually("the newest is served", BUILD, || dev.text() == "Two, Ada!");

    // Nothing is left when the packager itself is killed.
    dev.signal("KILL");
    dev.child.wait().expect("its end");
    eventually("the app has ended too", SOON, || nobody_listens(dev.port));
}

#[test]
fn a_port_in_use_is_said_before_anything_is_built() {
    let app = App::new();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let output = app.run(&app.path(), &["dev", "--port", &port.to_string()]);
    assert_eq!(output.status.code(), Some(8));
    let said = said(&output).replace(&port.to_string(), "[PORT]");
    assert!(said.starts_with("error[PK8001]: the address 127.0.0.1:[PORT] is in use\n"), "{said}");
    assert!(said.contains("\n\nhint: stop the process") && !said.contains("Building"), "{said}");
}
