use pikku::{AuthError, Call, Claims, Next, Outcome, Session};

#[derive(serde::Deserialize)]
pub struct User;

#[pikku::authenticator(realm = "shop")]
pub fn token(_call: &mut Call, _user: Session<User>) -> Result<Option<Claims>, AuthError> {
    Ok(None)
}

#[pikku::authenticator(challenge = "a\"b c")]
pub async fn key<T>(_service: &T) -> Result<Option<Claims>, AuthError> {
    Ok(None)
}

#[pikku::permission(timeout_ms = 0)]
pub async fn owner(_user: Session<User>, _again: Session<User>, _input: &str) {}

#[pikku::middleware(order = 1)]
pub async fn took(call: &Call) -> Outcome {
    Err(pikku::Problem::internal(call.id()))
}

#[pikku::middleware]
pub async fn reads(_input: String, next: Next<'_>) -> Outcome {
    next.run().await
}

fn main() {}
