//! AWS's own checkers have nothing to say about the templates of the packaged examples, not even a warning.

use pikku_tests::{bundles, tool};
use std::process::Command;

const EXAMPLES: [&str; 3] = ["shop", "echo", "fixture"];

#[test]
fn sam_validates_the_templates() {
    for example in EXAMPLES {
        let output = Command::new(tool("venv/bin/sam"))
            .args(["validate", "--lint", "--region", "eu-west-1", "--template-file"])
            .arg(bundles(example).join("template.yaml"))
            .env("SAM_CLI_TELEMETRY", "0")
            .output()
            .expect("sam starts");
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{example}: {said}");
        assert!(said.contains("is a valid SAM Template"), "{example}: {said}");
        assert!(!said.to_lowercase().contains("warning"), "{example}: {said}");
    }
}

#[test]
fn cfn_lint_finds_nothing() {
    for example in EXAMPLES {
        let template = bundles(example).join("template.yaml");
        let output = Command::new(tool("venv/bin/cfn-lint"))
            .args(["--non-zero-exit-code", "warning", "--regions", "eu-west-1", "us-east-1", "--template"])
            .arg(template)
            .output()
            .expect("cfn-lint starts");
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && said.trim().is_empty(), "{example}: {said}");
    }
}
