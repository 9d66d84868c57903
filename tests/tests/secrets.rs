//! A bundle that reads secrets: on Lambda from Secrets Manager and Parameter Store, on Azure from Key Vault. Nothing tells one.

use pikku_local_azure::{LocalAzure, Logs, Request};
use pikku_tests::{
    Answer, KeyVault, PLANTED, SecretStores, ask, azure, azure_bundles, bundles, event::post_json, function, no_panic,
    planted, send, started,
};
use serde_json::{Value, json};
use std::{fs, path::Path};

fn guess(session_keys: &str, pin: &str) -> String {
    json!({"session_keys": session_keys, "pin": pin}).to_string()
}

#[tokio::test]
async fn lambda_reads_a_secret_and_a_secure_string() {
    let (keys, pin) = (planted("keys"), planted("pin"));
    let stores = SecretStores::start(("shop/session-keys", &keys), ("/shop/pin", &pin));
    let secrets = [("session-keys", stores.arn("shop/session-keys")), ("shop/pin", stores.arn("/shop/pin"))];
    assert!(secrets[0].1.contains(":secretsmanager:") && secrets[1].1.ends_with(":parameter/shop/pin"), "{secrets:?}");
    let lambda = started(stores.hand_to(function("fixture", "kept"), &secrets));
    let right = ask(&lambda, &post_json("/guess", &guess(&keys, &pin))).await;
    assert_eq!(right.success(), &json!({"session_keys": true, "pin": true}), "{:?}", lambda.logs());
    let wrong = ask(&lambda, &post_json("/guess", &guess("plain", "plain"))).await;
    assert_eq!(wrong.success(), &json!({"session_keys": false, "pin": false}));
    // What is wrong with a secret in an input is told without it.
    let odd = json!({"session_keys": keys, "pin": [pin]}).to_string();
    let refused = format!("{:?}", ask(&lambda, &post_json("/guess", &odd)).await);
    assert!(refused.contains("422") && refused.contains("/pin") && !refused.contains(PLANTED), "{refused}");
    no_panic(&lambda);
    assert!(!lambda.logs().join("\n").contains(PLANTED), "{:?}", lambda.logs());
}

#[tokio::test]
async fn what_keeps_a_secret_from_lambda_is_told_without_any() {
    let stores = SecretStores::start(("shop/session-keys", &planted("keys")), ("/shop/pin", &planted("pin")));
    let absent = stores.arn("/shop/pin").replace("/pin", "/absent");
    let keys = ("session-keys", stores.arn("shop/session-keys"));
    let lambda = started(stores.hand_to(function("fixture", "kept"), &[keys, ("shop/pin", &absent)]));
    let answer = ask(&lambda, &post_json("/guess", &guess("a", "b"))).await;
    assert!(matches!(answer, Answer::Http { status: 503, .. }), "{answer:?}");
    let logs = lambda.logs().join("\n");
    assert!(logs.contains("Parameter Store answered 400 ParameterNotFound") && !logs.contains(PLANTED), "{logs}");
    // With a key that is not the role's, the start fails.
    let handed = stores.hand_to(function("fixture", "kept"), &[keys]);
    let lambda = started(handed.env("AWS_SECRET_ACCESS_KEY", planted("another")));
    let failed = format!("{:?}", send(&lambda, post_json("/guess", &guess("a", "b")).to_string()).await);
    let logs = lambda.logs().join("\n");
    assert!(logs.contains("Secrets Manager answered 40"), "{failed} {logs}");
    assert!(!failed.contains(PLANTED) && !logs.contains(PLANTED), "{failed} {logs}");
}

#[tokio::test]
async fn azure_asks_the_vault_for_what_is_wanted_while_it_runs() {
    let (keys, pin) = (planted("keys"), planted("pin"));
    let vault = KeyVault::start(&[("shop-pin", &pin)]);
    let host = LocalAzure::bundle(azure("fixture", "kept")).logs(Logs::Captured).env("SESSION_KEYS", &keys);
    let host =
        vault.variables("shop/pin", "shop-pin").into_iter().fold(host, |host, (name, value)| host.env(name, value));
    let host = host.start().await.expect("a host");
    let post = |body: String| Request::new("POST", "/guess").header("content-type", "application/json").body(body);
    let answer = |response: pikku_local_azure::Response| {
        (response.status, serde_json::from_slice::<Value>(&response.body).expect("JSON"))
    };
    let right = answer(host.http(post(guess(&keys, &pin))).await.expect("an answer"));
    assert_eq!(right, (200, json!({"session_keys": true, "pin": true})), "{:?} {:?}", host.logs(), vault.asked());
    // It is kept for five minutes: the vault is asked once, and nothing of what was taken away is missed until then.
    vault.empty();
    assert_eq!(answer(host.http(post(guess("a", &pin))).await.expect("an answer")).1["pin"], true);
    let asked = vault.asked();
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(asked[0].contains("resource=https%3A%2F%2F") && asked[1].contains("/secrets/shop-pin?api-version="));
    assert!(!host.logs().join("\n").contains(PLANTED), "{:?}", host.logs());
}

#[tokio::test]
async fn azure_tells_what_the_vault_says() {
    let vault = KeyVault::start(&[]);
    let host = LocalAzure::bundle(azure("fixture", "kept")).logs(Logs::Captured).env("SESSION_KEYS", planted("keys"));
    let host =
        vault.variables("shop/pin", "shop-pin").into_iter().fold(host, |host, (name, value)| host.env(name, value));
    let host = host.start().await.expect("a host");
    let post = Request::new("POST", "/guess").header("content-type", "application/json").body(guess("a", "b"));
    assert_eq!(host.http(post).await.expect("an answer").status, 503);
    let logs = host.logs().join("\n");
    assert!(logs.contains("the secret `shop/pin` is not set") && !logs.contains(PLANTED), "{logs}");
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

#[test]
fn only_the_group_that_asks_for_secrets_holds_tls_and_its_report_names_them() {
    for (folder, other) in [(bundles("fixture"), "text"), (azure_bundles("fixture"), "work")] {
        let json = |file: &str| serde_json::from_str::<Value>(&read(&folder.join(file))).expect("JSON");
        assert!(json("kept.proof.json")["crates"].get("rustls").is_some(), "{folder:?}");
        let proof = json(&format!("{other}.proof.json"));
        assert!(proof["crates"].get("rustls").is_none(), "{folder:?}: {proof}");
        let report = json("report.json");
        let groups = report["groups"].as_array().expect("groups");
        let kept = groups.iter().find(|group| group["group"] == "kept").expect("the group");
        assert_eq!(kept["reads"], json!({"secrets": ["session-keys", "shop/pin"]}));
        let manifest = json("manifest.json");
        let functions = manifest["functions"].as_array().expect("functions");
        let guess = functions.iter().find(|function| function["name"] == "guess").expect("the function");
        assert_eq!(guess["reads"]["secrets"], json!(["session-keys", "shop/pin"]));
    }
}

#[test]
fn deployment_files_refer_to_secrets() {
    let sam = read(&bundles("fixture").join("template.yaml"));
    for reference in ["Ref: SessionKeysSecretArn", "Ref: ShopPinSecretArn", "Ref: ShopPinSecretKeyArn"] {
        assert!(sam.contains(reference), "{reference}: {sam}");
    }
    let bicep = read(&azure_bundles("fixture").join("main.bicep"));
    for reference in [
        "'@Microsoft.KeyVault(SecretUri=${secretSessionKeys.properties.secretUri})'",
        "'secret:shop/pin': secretShopPin.properties.secretUri",
    ] {
        assert!(bicep.contains(reference), "{reference}: {bicep}");
    }
}
