/// Shows an order.
#[pikku::function(permission = All::<(owns_order, weekday)>, middleware = [took])]
pub async fn order() -> Result<(), Infallible> {
    Ok(())
}
