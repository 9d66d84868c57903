//! The greeting with all that is checked.

mod checked;
mod work;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    work::serve(checked::router()?).await
}
