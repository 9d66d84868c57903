use crate::{
    judge::{REGION, Server, aws, free_port},
    repository, tool,
};
use pikku_local_lambda::Builder;
use serde_json::{Value, json};
use std::process::Command;
use tempfile::TempDir;

/// An SQS on this machine that checks signatures and permissions: moto.
#[derive(Debug)]
pub struct Sqs {
    server: Server,
    urls: Value,
    /// The credentials of the bundle's role.
    environment: Vec<(String, String)>,
    _folder: TempDir,
}

impl Sqs {
    /// Starts moto with queues of those names; a name that ends in `.fifo` is a FIFO queue's.
    pub fn start(queues: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let port = free_port();
        // What makes the queues and the role is let through; from then on each request has to be signed.
        let unsigned = queues.len() + 3;
        let mut command = Command::new(tool("venv-moto/bin/moto_server"));
        command
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .current_dir(folder.path())
            .env("INITIAL_NO_AUTH_ACTION_COUNT", unsigned.to_string());
        let server = Server::start(&mut command, port, folder.path());
        let mut sqs = Self { server, urls: Value::Null, environment: Vec::new(), _folder: folder };
        let mut made = sqs.ask(&[&["setup"], queues].concat());
        let environment = made["environment"].as_object().expect("credentials");
        sqs.environment = environment.iter().map(|(name, value)| (name.clone(), text(value).to_owned())).collect();
        sqs.urls = made["urls"].take();
        sqs
    }

    /// The URL of a queue.
    pub fn url(&self, queue: &str) -> &str {
        text(&self.urls[queue])
    }

    /// Lets a function send to the queues: logical names and the queues behind them.
    pub fn hand_to(&self, function: Builder, queues: &[(&str, &str)]) -> Builder {
        let resources = queues.iter().map(|(name, queue)| (format!("queue:{name}"), json!(self.url(queue)))).collect();
        let endpoint = format!("http://127.0.0.1:{}", self.server.port);
        let function = function.region(REGION);
        let function =
            function.env("AWS_ENDPOINT_URL_SQS", endpoint).env("PIKKU_RESOURCES", Value::Object(resources).to_string());
        self.environment.iter().fold(function, |function, (name, value)| function.env(name, value))
    }

    /// Takes that many messages out of a queue, or those that are there: each with its body and its attributes.
    pub fn receive(&self, queue: &str, count: usize) -> Vec<Value> {
        let messages = self.ask(&["receive", self.url(queue), &count.to_string()]);
        messages.as_array().expect("messages").clone()
    }

    fn ask(&self, arguments: &[&str]) -> Value {
        let output = Command::new(tool("venv-moto/bin/python"))
            .arg(repository().join("tests/judges/sqs.py"))
            .args(arguments)
            .envs(aws(self.server.port))
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .output()
            .unwrap_or_else(|why| panic!("Python does not start: {why}"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?} failed:\n{said}\n{}", self.server.said());
        serde_json::from_slice(&output.stdout).unwrap_or_else(|why| panic!("no JSON ({why}): {said}"))
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}
