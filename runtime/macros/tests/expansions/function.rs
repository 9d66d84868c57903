/// Places an order.
///
/// What is out of stock is refused.
#[pikku::function]
pub async fn place_order(
    db: &Db,
    call: &pikku::Call,
    user: Session<User>,
    order: NewOrder,
) -> Result<Order, OrderError> {
    db.place(user.0, order).await
}
