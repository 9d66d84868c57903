//! The commands that describe an app, run on one: who may call what, how it is reached, what it reads.

use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// An app with a misspelt scope, which is told where it would be packaged.
const APP: &str = r#"
use pikku::{
    App, AuthError, Call, Claims, Next, Outcome, Problem, Secret, Selection, Session,
    access::{Role, Scope},
    http::{get, post},
    wiring::Queue,
};

#[derive(pikku::Config)]
pub struct Settings {
    #[pikku(default = 20)]
    page_size: u32,
    token_key: Secret<String>,
}

#[pikku::authenticator]
async fn bearer(settings: &Settings, call: &Call) -> Result<Option<Claims>, AuthError> {
    let _ = (settings.token_key.expose(), call);
    Ok(None)
}

#[pikku::permission]
async fn is_staff(user: Session<String>) -> bool {
    user.0 == "ada"
}

#[pikku::middleware]
async fn noted(next: Next<'_>) -> Outcome {
    next.run().await
}

#[pikku::function(public)]
pub async fn home(settings: &Settings) -> Result<u32, Problem> {
    Ok(settings.page_size)
}

#[pikku::function(scopes = ["orders:read"], read_only)]
pub async fn orders() -> Result<(), Problem> {
    Ok(())
}

#[pikku::function(scopes = ["ordres:refund"])]
pub async fn refund() -> Result<(), Problem> {
    Ok(())
}

const ROLES: &[Role] =
    &[Role::new("clerk", &[Scope::new("orders:read")]), Role::new("chief", &[Scope::new("order")])];

#[derive(pikku::Group)]
pub struct Shop;

#[derive(pikku::Group)]
pub struct Work;

pub fn app<S: Selection>() -> App<S> {
    App::new()
        .scopes(&[Scope::new("orders:read"), Scope::new("orders:refund")])
        .roles(ROLES)
        .authenticate::<bearer>()
        .middleware::<noted>()
        .routes("/admin/{*rest}", |l| l.permission::<is_staff>())
        .group::<Shop>(|g| g.http::<home>(get("/")).http::<orders>(get("/orders")).http::<refund>(post("/admin/refunds")))
        .group::<Work>(|g| g.queue::<home>("refresh", Queue::default()))
}
"#;

/// The folder of the app. What is built of it is kept, and shares what other apps' descriptions are made of.
fn app() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("described");
    fs::create_dir_all(dir.join("src")).expect("a folder");
    let runtime = root.join("runtime").canonicalize().expect("the runtime's folder");
    let manifest = format!(
        "[package]\nname = \"described\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
         [dependencies]\npikku = {{ path = {runtime:?} }}\n"
    );
    fs::write(dir.join("Cargo.toml"), manifest).expect("a manifest");
    fs::write(dir.join("src/lib.rs"), APP).expect("the app");
    if !dir.join("Cargo.lock").exists() {
        fs::copy(root.join("Cargo.lock"), dir.join("Cargo.lock")).expect("a lock file");
    }
    dir
}

fn cargo_pikku(dir: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-pikku"));
    if std::env::var_os("CARGO_TARGET_DIR").is_none() {
        command.env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join(".."));
    }
    command.args(args).current_dir(dir).env("NO_COLOR", "1").output().expect("the program under test")
}

/// What a command prints that ends well.
fn printed(dir: &Path, args: &[&str]) -> String {
    let output = cargo_pikku(dir, args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

fn json_of(dir: &Path, args: &[&str]) -> Value {
    serde_json::from_str(&printed(dir, args)).expect("JSON")
}

/// One test: each command would wait for the build of the others.
#[test]
fn an_app_is_described_by_the_commands() {
    let dir = app();

    insta::assert_snapshot!(printed(&dir, &["permissions"]));
    let access = json_of(&dir, &["permissions", "--json"]);
    assert_eq!(access.as_array().map(Vec::len), Some(4));
    assert_eq!(
        access[2],
        json!({
            "group": "shop", "wiring": "http:POST /admin/refunds", "function": "refund", "public": false,
            "session": "required", "scopes": ["ordres:refund"], "read_only": false,
            "permissions": [{ "name": "is_staff", "at": "routes /admin/{*rest}" }],
            "sources": [{ "name": "bearer", "at": "app" }],
        })
    );

    insta::assert_snapshot!(printed(&dir, &["routes"]));
    insta::assert_snapshot!(printed(&dir, &["routes", "--middleware"]));
    let routes = json_of(&dir, &["routes", "--middleware", "--json"]);
    assert_eq!(
        routes[0],
        json!({
            "group": "shop", "wiring": "http:GET /", "function": "home",
            "around": [
                { "kind": "middleware", "name": "noted", "at": "app" },
                { "kind": "authenticator", "name": "bearer", "at": "app" },
            ],
        })
    );
    assert_eq!(json_of(&dir, &["routes", "--json"])[0].get("around"), None);

    insta::assert_snapshot!(printed(&dir, &["secrets"]));
    insta::assert_snapshot!(printed(&dir, &["secrets", "--variables"]));
    let secrets = json_of(&dir, &["secrets", "--json"]);
    assert_eq!(
        secrets[1],
        json!({
            "group": "shop", "function": "orders", "kind": "secret", "name": "token-key",
            "through": [{ "service": "Settings", "by": "authenticator", "layer": "bearer", "at": "app" }],
        })
    );

    // The misspelt scopes, before anything is built of it.
    for target in ["lambda", "server"] {
        let output = cargo_pikku(&dir, &["package", "--target", target]);
        assert_eq!(output.status.code(), Some(3), "{output:?}");
        let talk = String::from_utf8(output.stderr).expect("text");
        let finding = talk.find("error[PK0217]").map(|start| &talk[start..]).unwrap_or_default();
        insta::allow_duplicates! {
            insta::assert_snapshot!(finding, @r"
            error[PK0217]: `refund` requires the scope `ordres:refund`, which is none of `App::scopes`
              at src/lib.rs:43

            hint: did you mean `orders:refund`?

            error[PK0218]: the role `chief` grants the scope `order`, which is none of `App::scopes`
              at src/lib.rs:59

            hint: did you mean `orders:read`?

            error: the app has 2 mistakes

            hint: `cargo pikku explain PK0217` says more
            ");
        }
    }
}
