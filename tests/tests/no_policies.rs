//! Who has no policies pays for none: the group `bare` of [the app of policies](../policies/) beside one that has all of them,
//! and in an app that has none.

use pikku_tests::{bundles, packager, repository, target};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
};

/// Crates that nothing but policies asks for.
const OF_POLICIES: [&str; 16] = [
    "base64",
    "curve25519_dalek",
    "ed25519_dalek",
    "flate2",
    "getrandom",
    "hkdf",
    "hmac",
    "jsonwebtoken",
    "pikku_auth",
    "pikku_engines",
    "pikku_https",
    "pikku_middleware",
    "ring",
    "rustls",
    "sha2",
    "tokio_rustls",
];

/// Those of them that cannot be missed where a token is verified and a store kept; optimisers make one function of several, by which
/// smaller crates are not seen any more.
const SEEN: [&str; 4] = ["curve25519_dalek", "pikku_auth", "pikku_middleware", "sha2"];

/// A packaged group, as its report and its proof tell of it.
struct Group {
    report: Value,
    proof: Value,
}

impl Group {
    fn of(bundles: &Path, group: &str) -> Self {
        let read = |file: String| -> Value {
            let text = fs::read(bundles.join(&file)).unwrap_or_else(|why| panic!("{file}: {why}"));
            serde_json::from_slice(&text).unwrap_or_else(|why| panic!("{file}: {why}"))
        };
        let report = read("report.json".to_owned());
        let own = report["groups"].as_array().and_then(|groups| groups.iter().find(|one| one["group"] == group));
        Self { report: own.expect("its report").clone(), proof: read(format!("{group}.proof.json")) }
    }

    /// The bytes of the program, or of the wasm.
    fn bytes(&self) -> u64 {
        self.report["bytes"].as_u64().expect("bytes")
    }

    fn crates(&self) -> BTreeSet<&str> {
        self.proof["crates"].as_object().expect("crates").keys().map(String::as_str).collect()
    }
}

/// The app as `cargo xtask test` has packaged it.
fn packaged(platform: &str) -> PathBuf {
    if platform == "lambda" { bundles("policies") } else { bundles(&format!("{platform}/policies")) }
}

fn a_group_beside_others_has_none_of_it(platform: &str) {
    let (bare, guarded) = (Group::of(&packaged(platform), "bare"), Group::of(&packaged(platform), "guarded"));
    let (found, seen) = (bare.crates(), guarded.crates());
    assert!(found.contains("pikku") && found.contains("policies"), "{found:?}");
    for krate in OF_POLICIES {
        assert!(!found.contains(krate), "{platform}: {krate} is in the bundle without policies");
    }
    for krate in SEEN {
        assert!(
            seen.contains(krate),
            "{platform}: {krate} is not in the bundle with policies, so nothing is shown: {seen:?}"
        );
    }
    // What is named by the app is looked for by name.
    let services = |group: &Group| group.proof["services"]["found"].as_array().map_or(0, Vec::len);
    assert_eq!(services(&bare), 0, "{}", bare.proof["services"]);
    assert!(services(&guarded) > 3, "{}", guarded.proof["services"]);
    assert!(guarded.bytes() > bare.bytes() * 3 / 2, "{} {}", guarded.bytes(), bare.bytes());
}

/// The same group where no policy is in the whole app, nor a crate of them. The crates are the same. The bytes differ by what the
/// compiler makes of a runtime whose features the other group asks for (`callers`, `spans`, `unrouted`), and by the check that nothing that was
/// left out stands around a call: within a fiftieth, where policies make up two fifths and more.
fn an_app_without_any_makes_the_same_bundle(platform: &str) {
    static BUILDS: Mutex<()> = Mutex::new(());
    let _one_at_a_time = BUILDS.lock().unwrap_or_else(PoisonError::into_inner);
    let out = tempfile::tempdir().expect("a folder");
    let packaged_anew = Command::new(packager())
        .args(["pikku", "package", "--target", platform, "--group", "bare", "--no-default-features", "--manifest-path"])
        .arg(repository().join("tests/policies/Cargo.toml"))
        .arg("--out-dir")
        .arg(out.path())
        .env("CARGO_TARGET_DIR", target())
        .output()
        .expect("cargo pikku");
    assert!(packaged_anew.status.success(), "{}", String::from_utf8_lossy(&packaged_anew.stderr));
    let (beside, alone) = (Group::of(&packaged(platform), "bare"), Group::of(out.path(), "bare"));
    assert_eq!(beside.crates(), alone.crates(), "{platform}");
    let (beside, alone) = (beside.bytes(), alone.bytes());
    assert!(beside.abs_diff(alone) * 50 <= alone, "{platform}: {beside} bytes beside policies, {alone} without any");
}

#[test]
fn a_bundle_for_lambda_without_policies_has_none_of_their_code() {
    a_group_beside_others_has_none_of_it("lambda");
    an_app_without_any_makes_the_same_bundle("lambda");
}

#[test]
fn a_worker_without_policies_has_none_of_their_code() {
    a_group_beside_others_has_none_of_it("cloudflare");
    an_app_without_any_makes_the_same_bundle("cloudflare");
}
