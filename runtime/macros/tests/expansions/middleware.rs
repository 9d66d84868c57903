/// Says how long a call took.
#[pikku::middleware]
async fn took(clock: &Clock, user: Option<Session<User>>, next: Next<'_>) -> Outcome {
    next.run().await
}
