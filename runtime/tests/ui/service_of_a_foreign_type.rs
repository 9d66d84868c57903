#[pikku::service]
fn name() -> String {
    String::new()
}

fn main() {}
