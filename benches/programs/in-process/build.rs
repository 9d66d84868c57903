//! Takes the contracts that the packager wrote for the app `hello`, so that what is measured is what a bundle holds.

use std::{env, fs, path::Path};

fn main() {
    println!("cargo::rerun-if-env-changed=BENCH_CONTRACTS");
    let contracts = env::var("BENCH_CONTRACTS").expect("BENCH_CONTRACTS names the contracts of a packaged `hello`");
    println!("cargo::rerun-if-changed={contracts}");
    let source = fs::read_to_string(&contracts).expect("the contracts can be read");
    // An included file cannot begin with the documentation of its module.
    let items: Vec<&str> = source.lines().filter(|line| !line.starts_with("//!")).collect();
    let out = env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    fs::write(Path::new(&out).join("contracts.rs"), items.join("\n")).expect("the contracts can be written");
}
