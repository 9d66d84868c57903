#[derive(Debug, pikku::Error)]
pub enum OrderError {
    /// There is not enough of it.
    #[pikku(status = 409, detail = "only {left} of {sku} left")]
    OutOfStock { sku: String, left: u32, warehouse: Warehouse },
    #[pikku(status = 404, code = "no_such_order", detail = "there is no order {0}")]
    Missing(u64),
    #[pikku(status = 503, retry = false)]
    Closed,
}

#[derive(Debug, pikku::Error)]
pub enum PayError {
    #[pikku(status = 402)]
    Declined,
    #[pikku(transparent)]
    Order(OrderError),
}
