/// What every secret of the tests begins with. `cargo xtask test` looks for it in everything that a run has written.
pub const PLANTED: &str = "plantedsecret7Qx";

/// A secret of that name, which must not be seen anywhere.
pub fn planted(name: &str) -> String {
    format!("{PLANTED}-{name}")
}
