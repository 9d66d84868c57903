#[cfg(feature = "health")]
#[pikku::function]
pub(crate) async fn health() -> Result<(), Infallible> {
    Ok(())
}
