//! `cargo pikku`, which Cargo starts as `cargo-pikku pikku`; it runs under its own name as well.

use std::process::ExitCode;

fn main() -> ExitCode {
    cargo_pikku::main(std::env::args_os())
}
