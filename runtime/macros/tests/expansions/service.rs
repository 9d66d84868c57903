#[pikku::service(needs = [Need::ReadTable("orders"), Need::WriteTable("orders")], close = close_db)]
async fn db(config: &Config, clock: &pikku::service::Clock) -> Result<Db, BoxError> {
    Db::connect(&config.url).await
}
