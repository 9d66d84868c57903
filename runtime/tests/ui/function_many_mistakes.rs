use std::convert::Infallible;

#[pikku::function(publik)]
pub unsafe fn store<T>(name: &str, item: T, list: Vec<u8>) -> Result<&'static str, Infallible> {
    let _ = (name, item, list);
    Ok("")
}

#[pikku::service(singleton, close)]
fn db(_url: String) {}

fn main() {}
