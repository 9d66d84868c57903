//! The judges: programs that others wrote, run beside the tests on ports of their own and ended with them.

use crate::{bundles, repository, tool};
use serde_json::Value;
use std::{
    env,
    ffi::OsStr,
    fs::File,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// How long a judge may take to be ready, or to see what is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("its address").port()
}

/// A program that ends with the test.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
    log: PathBuf,
}

impl Server {
    /// Starts a program that will listen on `port`, and waits until it does.
    pub(crate) fn start(command: &mut Command, port: u16, folder: &Path) -> Self {
        let log = folder.join("judge.log");
        let output = File::create(&log).expect("a log");
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a second handle"))
            .stderr(output)
            .spawn()
            .unwrap_or_else(|why| panic!("{command:?} does not start: {why}"));
        let mut server = Self { child, port, log };
        let since = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            let ended = server.child.try_wait().expect("a status");
            assert!(ended.is_none(), "it ended with {ended:?}:\n{}", server.said());
            assert!(since.elapsed() < PATIENCE, "it does not listen:\n{}", server.said());
            thread::sleep(Duration::from_millis(20));
        }
        server
    }

    /// What it printed so far.
    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself, which is no news here.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An HTTP answer.
#[derive(Debug)]
pub struct HttpAnswer {
    /// Its status.
    pub status: u16,
    /// Its head, as it came.
    pub head: String,
    /// Its body.
    pub body: String,
}

impl HttpAnswer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|why| panic!("no JSON ({why}): {self:?}"))
    }
}

/// Sends one HTTP/1.0 request, whose answer is neither chunked nor kept alive.
fn http(port: u16, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> HttpAnswer {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut request = format!("{method} {path} HTTP/1.0\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{request}\r\n{body}").as_bytes()).expect("the request is taken");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no HTTP: {answer:?}"));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.unwrap_or_else(|| panic!("no status: {head:?}"));
    HttpAnswer { status, head: head.to_owned(), body: body.to_owned() }
}

/// The Runtime Interface Emulator that AWS puts into its base images, with one bundle in it.
#[derive(Debug)]
pub struct Rie {
    server: Server,
    _folder: TempDir,
}

impl Rie {
    /// Starts the bundle of a group with variables of its own. A call may take `timeout_s` seconds.
    pub fn start(example: &str, group: &str, timeout_s: u32, variables: &[(&str, &OsStr)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let bootstrap = bundles(example).join(group).join("bootstrap");
        assert!(bootstrap.is_file(), "{} is not there", bootstrap.display());
        let (port, runtime_api) = (free_port(), free_port());
        let mut command = Command::new(tool("aws-lambda-rie"));
        command
            .args(["--runtime-interface-emulator-address", &format!("127.0.0.1:{port}")])
            .args(["--runtime-api-address", &format!("127.0.0.1:{runtime_api}")])
            .arg(bootstrap)
            .current_dir(folder.path())
            .env("AWS_LAMBDA_FUNCTION_TIMEOUT", timeout_s.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", format!("{example}-{group}"))
            .envs(variables.iter().copied());
        Self { server: Server::start(&mut command, port, folder.path()), _folder: folder }
    }

    /// Invokes the function with an event, and gives what it comes to.
    pub fn invoke(&self, event: &str) -> HttpAnswer {
        http(self.server.port, "POST", "/2015-03-31/functions/function/invocations", &[], event)
    }

    /// What the emulator and the bundle printed so far.
    pub fn said(&self) -> String {
        self.server.said()
    }
}

/// A whole AWS on this machine: ministack, with one stack deployed to it by `sam deploy`.
#[derive(Debug)]
pub struct Stack {
    server: Server,
    name: String,
    template: PathBuf,
    folder: TempDir,
}

impl Stack {
    /// Starts ministack and deploys the template of a packaged example as it is.
    pub fn deploy(example: &str, parameters: &[(&str, &OsStr)]) -> Self {
        let stack = Self::start(example);
        stack.deploy_with(parameters);
        stack
    }

    /// Starts ministack, for a packaged example that is deployed later.
    pub fn start(example: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let port = free_port();
        let mut command = Command::new(tool("venv/bin/ministack"));
        command
            .current_dir(folder.path())
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", port.to_string())
            .env("LAMBDA_EXECUTOR", "local")
            .envs(aws(port));
        let server = Server::start(&mut command, port, folder.path());
        let template = bundles(example).join("template.yaml");
        let stack = Self { server, name: example.to_owned(), template, folder };
        stack.ask(&["bucket", "code"]);
        stack
    }

    /// Keeps a secret, and answers its ARN.
    pub fn secret(&self, name: &str, value: &str) -> String {
        let arn = self.ask(&["secret", name, value]);
        arn.as_str().unwrap_or_else(|| panic!("it has no ARN: {arn}")).to_owned()
    }

    /// Deploys the template of the example as it is.
    pub fn deploy_with(&self, parameters: &[(&str, &OsStr)]) {
        let mut deploy = Command::new(tool("venv/bin/sam"));
        deploy
            .args(["deploy", "--template-file"])
            .arg(&self.template)
            .args(["--stack-name", &self.name, "--s3-bucket", "code", "--capabilities", "CAPABILITY_IAM"])
            .args(["--region", REGION, "--no-confirm-changeset", "--no-progressbar"])
            .current_dir(self.folder.path())
            .envs(aws(self.server.port));
        if !parameters.is_empty() {
            deploy.arg("--parameter-overrides");
            // Without quotes of its own sam takes those within a value, such as JSON's, for its own.
            deploy.args(parameters.iter().map(|(name, value)| format!("{name}='{}'", value.to_string_lossy())));
        }
        let output = deploy.output().unwrap_or_else(|why| panic!("sam does not start: {why}"));
        assert!(
            output.status.success(),
            "sam deploy failed:\n{}\n{}\n{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
            self.server.said()
        );
    }

    /// Asks `judges/stack.py`, which has AWS's own SDK.
    pub fn ask(&self, arguments: &[&str]) -> Value {
        let output = Command::new(tool("venv/bin/python"))
            .arg(repository().join("tests/judges/stack.py"))
            .args(arguments)
            .envs(aws(self.server.port))
            .output()
            .unwrap_or_else(|why| panic!("Python does not start: {why}"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?} failed:\n{said}\n{}", self.server.said());
        serde_json::from_slice(&output.stdout).unwrap_or_else(|why| panic!("no JSON ({why}): {said}"))
    }

    /// What there is in the deployed stack.
    pub fn facts(&self) -> Value {
        self.ask(&["facts", &self.name])
    }

    /// Makes the routes that ministack does not read from an API's definition, and answers the API's id.
    pub fn open(&self) -> String {
        let made = self.ask(&["routes", &self.name, &self.template.to_string_lossy()]);
        made[0]["api"].as_str().unwrap_or_else(|| panic!("there is no route: {made}")).to_owned()
    }

    /// Sends a request through the HTTP API.
    pub fn request(&self, api: &str, method: &str, path: &str, body: &str) -> HttpAnswer {
        self.request_with(api, method, path, &[], body)
    }

    /// Sends a request with headers of its own.
    pub fn request_with(
        &self,
        api: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> HttpAnswer {
        let host = format!("{api}.execute-api.localhost:{}", self.server.port);
        let own = [("Host", host.as_str()), ("Content-Type", "application/json")];
        http(self.server.port, method, path, &[&own, headers].concat(), body)
    }

    /// Asks until the answer is what is waited for.
    pub fn wait_for(&self, arguments: &[&str], wanted: impl Fn(&Value) -> bool) -> Value {
        let since = Instant::now();
        loop {
            let answer = self.ask(arguments);
            if wanted(&answer) {
                return answer;
            }
            assert!(since.elapsed() < PATIENCE, "{arguments:?} stays at {answer}:\n{}", self.server.said());
            thread::sleep(Duration::from_millis(100));
        }
    }
}

pub(crate) const REGION: &str = "eu-west-1";

/// What AWS's own programs read from the environment, none of it the user's.
pub(crate) fn aws(port: u16) -> Vec<(&'static str, String)> {
    vec![
        ("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}")),
        ("AWS_DEFAULT_REGION", REGION.to_owned()),
        ("AWS_REGION", REGION.to_owned()),
        ("AWS_ACCESS_KEY_ID", "test".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
        ("AWS_CONFIG_FILE", "/dev/null".to_owned()),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null".to_owned()),
        ("SAM_CLI_TELEMETRY", "0".to_owned()),
        ("NO_PROXY", "127.0.0.1,localhost".to_owned()),
        ("PATH", env::var("PATH").unwrap_or_default()),
    ]
}
