/// The cookie of a session.
#[pikku::authenticator(challenge = "Bearer realm=\"shop\"", keep = keep)]
async fn cookie(sessions: &Sessions, call: &Call) -> Result<Option<Claims>, AuthError> {
    sessions.read(call).await
}
