#[pikku::permission]
pub async fn owner() -> String {
    String::new()
}

fn main() {}
