use crate::{
    judge::{REGION, Server, aws, free_port},
    planted, repository, tool,
};
use pikku_local_lambda::Builder;
use serde_json::{Map, Value, json};
use std::{fs, path::PathBuf, process::Command};
use tempfile::TempDir;

/// Secrets Manager and Parameter Store on this machine, which check signatures and permissions: moto.
#[derive(Debug)]
pub struct SecretStores {
    server: Server,
    arns: Value,
    /// The credentials of the bundle's role.
    environment: Map<String, Value>,
    _folder: TempDir,
}

impl SecretStores {
    /// Starts moto with one secret, and one parameter that is a SecureString under a key of its own.
    pub fn start(secret: (&str, &str), parameter: (&str, &str)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("secrets.json");
        let secrets = json!({"secrets": {secret.0: secret.1}, "parameters": {parameter.0: parameter.1}});
        fs::write(&file, secrets.to_string()).expect("a file");
        let port = free_port();
        let mut command = Command::new(tool("venv-moto/bin/moto_server"));
        // What makes the secrets and the role is let through; from then on each request has to be signed.
        command
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .current_dir(folder.path())
            .env("INITIAL_NO_AUTH_ACTION_COUNT", "7");
        let server = Server::start(&mut command, port, folder.path());
        let output = Command::new(tool("venv-moto/bin/python"))
            .arg(repository().join("tests/judges/secrets.py"))
            .arg("aws")
            .arg(&file)
            .envs(aws(port))
            .output()
            .unwrap_or_else(|why| panic!("Python does not start: {why}"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "the secrets were not made:\n{said}\n{}", server.said());
        let mut made: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|why| panic!("{why}: {said}"));
        let environment = made["environment"].as_object().expect("credentials").clone();
        Self { server, arns: made["arns"].take(), environment, _folder: folder }
    }

    /// The ARN of a secret or a parameter.
    pub fn arn(&self, name: &str) -> &str {
        text(&self.arns[name])
    }

    /// Lets a function read them: logical names and the ARNs behind them.
    pub fn hand_to(&self, function: Builder, secrets: &[(&str, &str)]) -> Builder {
        let resources = secrets.iter().map(|(name, arn)| (format!("secret:{name}"), json!(arn))).collect();
        let endpoint = format!("http://127.0.0.1:{}", self.server.port);
        let function = function.region(REGION).env("AWS_ENDPOINT_URL", endpoint);
        let function = function.env("PIKKU_RESOURCES", Value::Object(resources).to_string());
        self.environment.iter().fold(function, |function, (name, value)| function.env(name, text(value)))
    }
}

/// A key vault on this machine, over TLS, and the endpoint of an app's identity that it trusts.
#[derive(Debug)]
pub struct KeyVault {
    server: Server,
    file: PathBuf,
    folder: TempDir,
}

impl KeyVault {
    /// Starts one with those secrets.
    pub fn start(secrets: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let signed = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
        let path = |name: &str| folder.path().join(name);
        fs::write(path("vault.crt"), signed.cert.pem()).expect("a file");
        fs::write(path("vault.key"), signed.signing_key.serialize_pem()).expect("a file");
        let file = path("secrets.json");
        let known: Map<String, Value> =
            secrets.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        fs::write(&file, Value::Object(known).to_string()).expect("a file");
        let port = free_port();
        let mut command = Command::new(tool("venv/bin/python"));
        command.arg(repository().join("tests/judges/secrets.py")).args(["vault", &port.to_string()]).args([
            path("vault.crt"),
            path("vault.key"),
            file.clone(),
        ]);
        Self { server: Server::start(&mut command, port, folder.path()), file, folder }
    }

    /// The variables of an app that may read a secret of the vault under a logical name.
    pub fn variables(&self, name: &str, kept_as: &str) -> Vec<(&'static str, String)> {
        let port = self.server.port;
        let resources = json!({format!("secret:{name}"): format!("https://127.0.0.1:{port}/secrets/{kept_as}")});
        vec![
            ("PIKKU_RESOURCES", resources.to_string()),
            ("IDENTITY_ENDPOINT", format!("http://127.0.0.1:{}/msi/token", port + 1)),
            ("IDENTITY_HEADER", planted("header")),
            ("SSL_CERT_FILE", self.folder.path().join("vault.crt").display().to_string()),
        ]
    }

    /// Takes all secrets away.
    pub fn empty(&self) {
        fs::write(&self.file, "{}").expect("a file");
    }

    /// What was asked, a line each, with the status of the answer.
    pub fn asked(&self) -> Vec<String> {
        self.server.said().lines().map(str::to_owned).collect()
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}
