pub struct Url;

#[derive(pikku::Config)]
pub struct Settings {
    address: Url,
}

fn main() {}
