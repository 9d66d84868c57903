//! That how long a comparison takes tells nothing of a secret: callgrind counts the instructions of it, in a process of its own for
//! each guess, and guesses that are wrong from the first octet on, in the middle, or in the last alone take the same.

use pikku::{BoxError, BoxFuture, Claims, Secret};
use pikku_auth::api_key::{KeyStore, StoredKey, verify};
use std::{
    env,
    future::Future as _,
    hint::black_box,
    pin::pin,
    process::Command,
    task::{Context, Poll, Waker},
};

/// What the process for a guess is told.
const GUESS: &str = "PIKKU_TIMING_GUESS";

/// 43 characters, as a key of 32 octets has them.
const SECRET: &str = "dG9wIHNlY3JldCBvZiB0aGUgdGltaW5nIHRlc3RzISE";

/// The SHA-256 of the secret.
struct Keys;

impl KeyStore for Keys {
    /// Whatever the id is: to compare it takes longer or shorter with where it lies in memory.
    fn find<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Option<StoredKey>, BoxError>> {
        let hash = <sha2::Sha256 as sha2::Digest>::digest(SECRET).into();
        let key = StoredKey { hash, claims: Claims::new(serde_json::json!({ "sub": "till" })), expires_at_ms: None };
        Box::pin(std::future::ready(Ok(Some(key))))
    }
}

/// What is counted: its name is what callgrind looks for.
#[inline(never)]
fn compared_as_a_secret(guess: &Secret<String>, secret: &Secret<String>) -> bool {
    black_box(guess) == black_box(secret)
}

#[inline(never)]
fn compared_as_an_api_key(guess: &str) -> bool {
    let mut verified = pin!(verify(&Keys, guess, 0));
    match verified.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(verified) => verified.is_ok(),
        Poll::Pending => panic!("nothing is waited for"),
    }
}

/// What would tell: it ends with the first difference.
#[inline(never)]
fn compared_in_a_hurry(guess: &str) -> bool {
    guess.len() == SECRET.len() && guess.bytes().zip(SECRET.bytes()).all(|(one, other)| one == other)
}

/// The secret with another character at that place.
fn wrong_at(place: usize) -> String {
    let other = if SECRET.as_bytes()[place] == b'A' { "B" } else { "A" };
    [&SECRET[..place], other, &SECRET[place + 1..]].concat()
}

/// A guess that is wrong everywhere.
fn wrong() -> String {
    SECRET.chars().map(|character| if character == 'A' { 'B' } else { 'A' }).collect()
}

/// Runs in the process for a guess, and is nothing elsewhere.
#[test]
fn one_guess() {
    let Ok(guess) = env::var(GUESS) else { return };
    let (kind, guess) = guess.split_once(':').unwrap();
    let is_right = match kind {
        "secret" => compared_as_a_secret(&Secret::new(guess.to_owned()), &Secret::new(SECRET.to_owned())),
        "hurry" => compared_in_a_hurry(black_box(guess)),
        _ => compared_as_an_api_key(&format!("live_1.{guess}")),
    };
    assert_eq!(is_right, guess == SECRET);
}

/// How many instructions a function takes with a guess.
fn instructions(function: &str, kind: &str, guess: &str) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let counts = folder.path().join("counts");
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--collect-atstart=no"]);
    command.arg(format!("--toggle-collect=*{function}*")).arg(format!("--callgrind-out-file={}", counts.display()));
    command.arg(env::current_exe().unwrap()).args(["--exact", "one_guess", "--test-threads=1"]);
    let output = command.env(GUESS, format!("{kind}:{guess}")).output().expect("valgrind can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let counts = std::fs::read_to_string(counts).unwrap();
    let total = counts.lines().find_map(|line| line.strip_prefix("totals: ").or(line.strip_prefix("summary: ")));
    total.and_then(|total| total.trim().parse().ok()).unwrap_or_else(|| panic!("no total in {counts}"))
}

#[test]
fn timing_of_secret_comparison_tells_nothing() {
    for (function, kind) in [("compared_as_a_secret", "secret"), ("compared_as_an_api_key", "key")] {
        let last = SECRET.len() - 1;
        let guesses = [wrong(), wrong_at(0), wrong_at(last / 2), wrong_at(last)];
        let counts = guesses.map(|guess| instructions(function, kind, &guess));
        assert!(counts[0] > 100, "{function} was counted: {counts:?}");
        assert!(counts.iter().all(|count| *count == counts[0]), "{function} takes {counts:?} instructions");
    }
}

/// That a comparison which stops at the first difference would be seen.
#[test]
fn an_early_end_would_be_seen() {
    let early = |guess: &str| instructions("compared_in_a_hurry", "hurry", guess);
    assert!(early(&wrong_at(0)) < early(&wrong_at(SECRET.len() - 1)));
}
