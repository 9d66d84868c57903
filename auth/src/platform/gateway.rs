use super::identity;
use pikku::{AuthError, Call, Claims, Scopes};
use serde_json::Value;

/// Whom an authorizer of Amazon API Gateway has let in, or IAM, also that of a function URL.
///
/// | authorizer | the value of the session | subject | scopes |
/// |---|---|---|---|
/// | JWT (HTTP API) | the claims | `sub` | those of the claim `scope` |
/// | Cognito (REST API) | the claims | `sub` | those of the claim `scope` |
/// | Lambda (HTTP API) | the context that it gave | none | none |
/// | Lambda (REST and WebSocket API) | the context that it gave, and `principalId` | `principalId` | none |
/// | IAM (HTTP API and function URL) | the caller: `accountId`, `userArn` and so on | `userArn` | none |
///
/// API Gateway writes every claim as a text. Scopes that a Lambda authorizer gives are the app's to read.
///
/// # Errors
///
/// None; it is the form of an authenticator.
pub fn api_gateway(call: &Call) -> Result<Option<Claims>, AuthError> {
    Ok(identity(call, "api-gateway").and_then(|authorizer| session(&authorizer)))
}

fn session(authorizer: &Value) -> Option<Claims> {
    // An HTTP API tells the kinds apart by the one member that there is.
    let of_kind = |kind: &str| authorizer.get(kind).filter(|value| value.is_object());
    if let Some(claims) = of_kind("jwt").and_then(|jwt| jwt.get("claims")).or_else(|| of_kind("claims")) {
        let scopes = claims.get("scope").and_then(Value::as_str).map(Scopes::parse).unwrap_or_default();
        return Some(of(claims, claims.get("sub")).with_scopes(scopes));
    }
    if let Some(caller) = of_kind("iam") {
        return Some(of(caller, caller.get("userArn")));
    }
    if let Some(context) = of_kind("lambda") {
        return Some(of(context, None));
    }
    // A REST API puts the context beside the principal. What has none was let in by nobody.
    let principal = authorizer.get("principalId").filter(|principal| principal.is_string())?;
    Some(of(authorizer, Some(principal)))
}

fn of(value: &Value, subject: Option<&Value>) -> Claims {
    let claims = Claims::new(value.clone());
    match subject.and_then(Value::as_str) {
        Some(subject) => claims.with_subject(subject),
        None => claims,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_kind_of_authorizer_is_read() {
        let claims = json!({ "sub": "ada", "scope": "orders:read staff", "aud": "shop" });
        for authorizer in [json!({ "jwt": { "claims": claims, "scopes": null } }), json!({ "claims": claims })] {
            let session = session(&authorizer).unwrap();
            assert_eq!((session.value(), session.subject()), (&claims, Some("ada")));
            assert_eq!(session.scopes().iter().collect::<Vec<_>>(), ["orders:read", "staff"]);
        }
        let caller = json!({ "accountId": "111122223333", "userArn": "arn:aws:iam::111122223333:user/ada" });
        let by_iam = session(&json!({ "iam": caller })).unwrap();
        assert_eq!((by_iam.value(), by_iam.subject()), (&caller, caller["userArn"].as_str()));
        let context = json!({ "principalId": "mallory", "sub": "mallory", "scope": "staff" });
        let by_lambda = session(&json!({ "lambda": context })).unwrap();
        assert_eq!((by_lambda.value(), by_lambda.subject(), by_lambda.scopes().is_empty()), (&context, None, true));
        let rest = json!({ "principalId": "ada", "tenant": "7", "integrationLatency": 5 });
        let by_rest = session(&rest).unwrap();
        assert_eq!((by_rest.value(), by_rest.subject()), (&rest, Some("ada")));
    }

    #[test]
    fn what_names_nobody_is_nobody() {
        for authorizer in [
            json!({}),
            json!(null),
            json!("ada"),
            json!({ "jwt": null }),
            json!({ "jwt": {} }),
            json!({ "iam": "ada" }),
            json!({ "claims": "ada" }),
            json!({ "principalId": 7 }),
            json!({ "integrationLatency": 5 }),
        ] {
            assert_eq!(session(&authorizer), None, "{authorizer}");
        }
    }
}
