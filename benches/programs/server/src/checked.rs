//! The greeting with all that is checked, as an axum user writes it by hand: a JSON Web Token by `jsonwebtoken`, a scope, two
//! conditions of who calls, and the limits of the input.

use crate::work::{Greet, Greeting};
use axum::{
    Json, Router,
    extract::{FromRequestParts, Path},
    http::{StatusCode, header::AUTHORIZATION, request::Parts},
    response::{IntoResponse, Response},
    routing::post,
};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::{Deserialize, Serialize};
use std::{env, io, sync::Arc};

/// The claims of a token.
#[derive(Deserialize)]
struct User {
    tenant: String,
    pages: Vec<u64>,
    scope: String,
}

/// What verifies tokens.
struct Tokens {
    key: DecodingKey,
    validation: Validation,
}

#[derive(Serialize)]
struct Refusal {
    code: &'static str,
}

fn refuse(status: StatusCode, code: &'static str) -> Response {
    (status, Json(Refusal { code })).into_response()
}

impl FromRequestParts<Arc<Tokens>> for User {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, tokens: &Arc<Tokens>) -> Result<Self, Response> {
        let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header.and_then(|header| header.strip_prefix("Bearer "));
        let token = token.ok_or_else(|| refuse(StatusCode::UNAUTHORIZED, "unauthenticated"))?;
        let data = decode(token, &tokens.key, &tokens.validation);
        data.map(|data| data.claims).map_err(|_| refuse(StatusCode::UNAUTHORIZED, "invalid_credentials"))
    }
}

async fn greet(user: User, Path(id): Path<u64>, Json(greet): Json<Greet>) -> Result<Json<Greeting>, Response> {
    if !user.scope.split(' ').any(|scope| scope == "greetings:write" || scope == "greetings") {
        return Err(refuse(StatusCode::FORBIDDEN, "insufficient_scope"));
    }
    let is_named = (1..=80).contains(&greet.name.chars().count());
    if !is_named || greet.age.is_some_and(|age| age > 150) || greet.tags.len() > 10 {
        return Err(refuse(StatusCode::UNPROCESSABLE_ENTITY, "invalid_input"));
    }
    if user.tenant != "acme" || !user.pages.contains(&id) {
        return Err(refuse(StatusCode::FORBIDDEN, "forbidden"));
    }
    Ok(Json(greet.greeting(id)))
}

/// The one route.
pub fn router() -> io::Result<Router> {
    let secret = env::var("TOKEN_SECRET").map_err(io::Error::other)?;
    let mut validation = Validation::new(Algorithm::HS256);
    validation.leeway = 30;
    validation.validate_nbf = true;
    validation.set_issuer(&["https://id.example"]);
    validation.set_audience(&["greetings"]);
    validation.set_required_spec_claims(&["exp", "iss", "aud"]);
    let tokens = Arc::new(Tokens { key: DecodingKey::from_secret(secret.as_bytes()), validation });
    Ok(Router::new().route("/greet/{id}", post(greet)).with_state(tokens))
}
