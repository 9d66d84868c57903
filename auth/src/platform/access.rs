use crate::jwt::{Fetch, Key, KeySet, Tokens};
use pikku::{AuthError, Call, Claims};

/// Whom Cloudflare Access has let in, by the token in `Cf-Access-Jwt-Assertion` ("Validate JWTs" of Cloudflare One).
///
/// The header is not believed for its name: the token is verified with the keys of the team, for its issuer and for the
/// audience of this very application, so that neither a client that reaches the app past Access nor one of another team or
/// application gets in. The claims become the value of the session, `sub` its subject; it has no scopes.
#[derive(Debug)]
pub struct CloudflareAccess(Tokens);

impl CloudflareAccess {
    /// For a team's domain, such as `https://example.cloudflareaccess.com`, and the audience (AUD) tag of the application.
    /// The keys are fetched by `fetch`.
    ///
    /// # Panics
    ///
    /// The domain does not begin with `https://`, or has a path.
    pub fn new(team: &str, audience: &str, fetch: impl Fetch) -> Self {
        let host = team.strip_prefix("https://").unwrap_or_default();
        let is_domain = !host.is_empty() && !host.contains(['/', '?', '#', '@']);
        assert!(is_domain, "a team's domain is written as `https://example.cloudflareaccess.com`");
        let keys = KeySet::of(format!("{team}/cdn-cgi/access/certs"), fetch, Key::rsa);
        Self(Tokens::of_set(keys, team, audience))
    }

    /// The session of the token that Access added to the request; `None` where there is none.
    ///
    /// # Errors
    ///
    /// The token is not valid, or there are two; the keys cannot be had.
    pub async fn authenticate(&self, call: &Call) -> Result<Option<Claims>, AuthError> {
        let Some(headers) = call.headers() else { return Ok(None) };
        let mut values = headers.get_all("cf-access-jwt-assertion");
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(AuthError::malformed("`Cf-Access-Jwt-Assertion` is given twice"));
        }
        let Ok(token) = std::str::from_utf8(value) else {
            return Err(AuthError::malformed("`Cf-Access-Jwt-Assertion` is no text"));
        };
        // A claim that the app's own identity provider added is no scope that the app granted.
        let claims = self.0.verify(token, call.now_ms()).await?;
        Ok(Some(claims.with_scopes(pikku::Scopes::default())))
    }
}
