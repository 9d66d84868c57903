//! What the example shop takes to run on this machine, and who calls it.

use crate::repository;
use std::fs;

/// What a customer opens an account with.
pub const CUSTOMER: &str = r#"{"name":"ada","password":"correct horse battery staple"}"#;

/// A variable of the settings that the shop has for this machine.
pub fn shop_variable(name: &str) -> String {
    let settings = read("Cargo.toml");
    let value = settings.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = "));
    value.unwrap_or_else(|| panic!("the shop has no {name} for this machine")).trim_matches(['"', '\'']).to_owned()
}

/// What a manager of the shop puts into `Authorization`.
pub fn shop_manager() -> String {
    format!("Bearer {}", read("local/manager.jwt").trim())
}

/// What a browser sends back of a `Set-Cookie`.
pub fn cookie(set: &str) -> String {
    set.split(';').next().unwrap_or_default().to_owned()
}

fn read(path: &str) -> String {
    let path = repository().join("examples/shop").join(path);
    fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}
