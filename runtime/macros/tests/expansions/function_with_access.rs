/// Lists the orders.
#[pikku::function(scopes = ["orders:read", REPORTS], read_only, tags = ["staff"], timeout_ms = 500)]
pub async fn orders() -> Result<(), Infallible> {
    Ok(())
}

/// Says hello.
#[pikku::function(public)]
pub async fn hello() -> Result<(), Infallible> {
    Ok(())
}
