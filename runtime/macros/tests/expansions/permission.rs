/// Whose order it is may see it.
#[pikku::permission(timeout_ms = 500)]
pub async fn owns_order(db: &Db, user: Session<User>, input: OrderId) -> Result<bool, DbError> {
    Ok(db.owner(input.order).await? == user.id)
}
