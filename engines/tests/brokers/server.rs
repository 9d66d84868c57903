//! Servers that a test starts on a free port with a store of its own, and stops.

use std::{
    env, fs,
    hash::{BuildHasher as _, Hasher as _, RandomState},
    io::Write as _,
    iter,
    net::{TcpListener, TcpStream},
    os::unix::{
        fs::{PermissionsExt as _, chown},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// How long a server may take to start or to stop.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whether a test goes without a server that is not installed. In CI none does.
pub(crate) fn is_missing(server: &str) -> bool {
    assert!(env::var_os("CI").is_none(), "{server} is not installed: run `cargo xtask tools`");
    eprintln!("skipped: {server} is not installed; `cargo xtask tools` installs it");
    true
}

/// A port that nobody listens on, and that the system gives to nobody who asks for any before a server has it: those are from
/// 32768 on (ip(7), `ip_local_port_range`).
pub(crate) fn free_port() -> u16 {
    let random = || RandomState::new().build_hasher().finish();
    let ports = iter::repeat_with(|| 10_000 + u16::try_from(random() % 20_000).expect("a small number"));
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    ports.take(100).find(is_free).expect("a free port")
}

/// Waits until something listens.
pub(crate) fn wait_for(port: u16, server: &mut Child, log: &Path) {
    let begun = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        let ended = server.try_wait().expect("its state");
        let said = || fs::read_to_string(log).unwrap_or_default();
        assert!(ended.is_none(), "the server ended: {ended:?}\n{}", said());
        assert!(begun.elapsed() < PATIENCE, "the server does not listen\n{}", said());
        thread::sleep(Duration::from_millis(20));
    }
}

/// A PostgreSQL with an empty database, as a user that is not root, which it refuses.
#[derive(Debug)]
pub(crate) struct Postgres {
    dir: TempDir,
    bin: PathBuf,
    port: u16,
    server: Option<Child>,
}

impl Postgres {
    /// Starts one; nothing where it is not installed.
    pub(crate) fn start() -> Option<Self> {
        let Some(bin) = newest_postgres() else {
            is_missing("PostgreSQL");
            return None;
        };
        let dir = TempDir::new().expect("a folder");
        if let Some((user, group)) = unprivileged() {
            chown(dir.path(), Some(user), Some(group)).expect("the folder is given to another user");
        }
        let mut postgres = Self { dir, bin, port: free_port(), server: None };
        let mut init = postgres.command("initdb");
        init.args(["-D", "data", "-U", "pikku", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]);
        let made = init.output().expect("initdb starts");
        assert!(made.status.success(), "initdb failed: {}", String::from_utf8_lossy(&made.stderr));
        postgres.go_on();
        Some(postgres)
    }

    /// Starts one that speaks TLS too, with the file of its certificate; nothing where it is not installed.
    pub(crate) fn start_with_tls() -> Option<(Self, PathBuf)> {
        let mut postgres = Self::start()?;
        postgres.crash();
        let signed = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
        let (certificate, key) = (postgres.dir.path().join("server.crt"), postgres.dir.path().join("server.key"));
        fs::write(&certificate, signed.cert.pem()).expect("a file");
        fs::write(&key, signed.signing_key.serialize_pem()).expect("a file");
        // PostgreSQL reads no key that others can.
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("the key is its own");
        if let Some((user, group)) = unprivileged() {
            chown(&key, Some(user), Some(group)).expect("the key is given to another user");
        }
        let settings = "ssl = on\nssl_cert_file = '../server.crt'\nssl_key_file = '../server.key'\n";
        let mut file = fs::OpenOptions::new().append(true).open(postgres.dir.path().join("data/postgresql.conf"));
        file.as_mut().expect("the settings").write_all(settings.as_bytes()).expect("they are written");
        postgres.go_on();
        Some((postgres, certificate))
    }

    /// Where it is.
    pub(crate) fn url(&self) -> String {
        format!("postgres://pikku@127.0.0.1:{}/postgres", self.port)
    }

    /// Stops it in the middle of what it does: its next start is a recovery.
    pub(crate) fn crash(&mut self) {
        let Some(mut server) = self.server.take() else { return };
        let stopped = self.command("pg_ctl").args(["stop", "-D", "data", "-m", "immediate", "-s"]).status();
        if !stopped.is_ok_and(|status| status.success()) {
            server.kill().expect("it is killed");
        }
        server.wait().expect("it ends");
    }

    /// Starts it with what it has.
    pub(crate) fn go_on(&mut self) {
        let log = self.dir.path().join("log");
        let mut command = self.command("postgres");
        command.args(["-D", "data", "-k", ".", "-p", &self.port.to_string(), "-c", "listen_addresses=127.0.0.1"]);
        command.args(["-c", "fsync=off", "-c", "max_connections=60", "-c", "shared_buffers=16MB"]);
        command.stderr(fs::File::create(&log).expect("a log"));
        let mut server = command.spawn().expect("PostgreSQL starts");
        wait_for(self.port, &mut server, &log);
        self.server = Some(server);
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.bin.join(program));
        command.current_dir(self.dir.path()).stdin(Stdio::null()).stdout(Stdio::null()).env("LC_ALL", "C");
        if let Some((user, group)) = unprivileged() {
            command.uid(user).gid(group);
        }
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.crash();
    }
}

/// The programs of the newest PostgreSQL, where Debian puts them or on the search path.
fn newest_postgres() -> Option<PathBuf> {
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path());
    let mut versions: Vec<(u32, PathBuf)> = debian
        .filter_map(|path| Some((path.file_name()?.to_str()?.parse().ok()?, path.join("bin"))))
        .filter(|(_, bin)| bin.join("initdb").is_file() && bin.join("postgres").is_file())
        .collect();
    versions.sort();
    versions.pop().map(|(_, bin)| bin).or_else(|| on_path("postgres")?.parent().map(Path::to_path_buf))
}

/// A program on the search path.
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|dir| dir.join(program)).find(|file| file.is_file())
}

/// Whom servers run as where this process is root's.
fn unprivileged() -> Option<(u32, u32)> {
    let id = |arguments: &[&str]| -> Option<u32> {
        let output = Command::new("id").args(arguments).output().ok()?;
        String::from_utf8(output.stdout).ok()?.trim().parse().ok()
    };
    if id(&["-u"])? != 0 {
        return None;
    }
    Some((id(&["-u", "postgres"]).unwrap_or(65534), id(&["-g", "postgres"]).unwrap_or(65534)))
}

/// A NATS server with JetStream.
#[derive(Debug)]
pub(crate) struct Nats {
    dir: TempDir,
    program: PathBuf,
    port: u16,
    server: Option<Child>,
}

impl Nats {
    /// Starts one; nothing where it is not installed.
    pub(crate) fn start() -> Option<Self> {
        let Some(program) = on_path("nats-server") else {
            is_missing("nats-server");
            return None;
        };
        let mut nats = Self { dir: TempDir::new().expect("a folder"), program, port: free_port(), server: None };
        nats.go_on();
        Some(nats)
    }

    /// Where it is.
    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Kills it.
    pub(crate) fn crash(&mut self) {
        let Some(mut server) = self.server.take() else { return };
        server.kill().expect("it is killed");
        server.wait().expect("it ends");
    }

    /// Starts it with what it has.
    pub(crate) fn go_on(&mut self) {
        let log = self.dir.path().join("log");
        let mut command = Command::new(&self.program);
        command
            .args(["-a", "127.0.0.1", "-p", &self.port.to_string(), "-js", "-sd"])
            .arg(self.dir.path().join("store"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(fs::File::create(&log).expect("a log"));
        let mut server = command.spawn().expect("NATS starts");
        wait_for(self.port, &mut server, &log);
        self.server = Some(server);
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        self.crash();
    }
}

/// An SQS that checks signatures: moto, and the credentials of a role that may use it.
#[derive(Debug)]
pub(crate) struct Moto {
    _dir: TempDir,
    port: u16,
    server: Child,
    /// The id, the secret, and the token.
    pub(crate) credentials: [String; 3],
}

impl Moto {
    /// Starts one; nothing where it is not installed.
    pub(crate) fn start() -> Option<Self> {
        let tools = env::var_os("PIKKU_TOOLS").map(PathBuf::from);
        let tools = tools.or_else(|| env::var_os("PIKKU_CACHE").map(|cache| Path::new(&cache).join("tools")));
        let Some(bin) = tools.map(|tools| tools.join("venv-moto/bin")).filter(|bin| bin.join("moto_server").is_file())
        else {
            is_missing("moto (in PIKKU_TOOLS)");
            return None;
        };
        let (dir, port) = (TempDir::new().expect("a folder"), free_port());
        let log = dir.path().join("log");
        let mut command = Command::new(bin.join("moto_server"));
        // What makes the role is let through; from then on each request has to be signed.
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]).env("INITIAL_NO_AUTH_ACTION_COUNT", "3");
        command.current_dir(dir.path()).stdin(Stdio::null()).stdout(Stdio::null());
        let mut server = command.stderr(fs::File::create(&log).expect("a log")).spawn().expect("moto starts");
        wait_for(port, &mut server, &log);
        let made = Command::new(bin.join("python"))
            .args(["-c", ROLE])
            .env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}"))
            .envs([("AWS_ACCESS_KEY_ID", "x"), ("AWS_SECRET_ACCESS_KEY", "x"), ("AWS_DEFAULT_REGION", "eu-west-1")])
            .output()
            .expect("Python starts");
        let said = String::from_utf8_lossy(&made.stdout).into_owned();
        let words: Vec<String> = said.split_whitespace().map(str::to_owned).collect();
        let credentials = words.try_into().unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&made.stderr)));
        Some(Self { _dir: dir, port, server, credentials })
    }

    /// Where it is.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        self.server.kill().expect("it is killed");
        self.server.wait().expect("it ends");
    }
}

/// A role that may do anything with SQS and nothing else.
const ROLE: &str = r#"
import boto3, json
allow = lambda **parts: json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **parts}]})
iam = boto3.client("iam")
trust = allow(Principal={"Service": "ec2.amazonaws.com"}, Action="sts:AssumeRole")
role = iam.create_role(RoleName="server", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
iam.put_role_policy(RoleName="server", PolicyName="sqs", PolicyDocument=allow(Action="sqs:*", Resource="*"))
given = boto3.client("sts").assume_role(RoleArn=role, RoleSessionName="server")["Credentials"]
print(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
"#;
