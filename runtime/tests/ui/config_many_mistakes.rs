use pikku::Secret;

#[derive(pikku::Config)]
pub struct Settings {
    #[pikku(variable = "page size", defalt = 20)]
    page_size: u32,
    #[pikku(secret = "session-keys")]
    session_keys: String,
    #[pikku(secret = "a b", variable = "DATABASE")]
    database: Secret<String>,
    #[pikku(default = "hunter2")]
    password: Secret<String>,
    #[pikku(default = "hello")]
    banner: Option<String>,
    #[pikku(default)]
    greeting: String,
}

#[derive(pikku::Config)]
pub struct Generic<T> {
    value: T,
}

#[derive(pikku::Config)]
pub struct Unnamed(String);

#[derive(pikku::Config)]
pub enum Choice {
    One,
}

fn main() {}
