//! Callers whom the platform has let in, and clients that only say so.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};
use pikku::{
    App, AuthError, BoxError, BoxFuture, Call, Claims, Group, Session,
    call::{Context, PlatformIdentity},
    http::{HttpRequest, Method, get},
    testing::TestApp,
};
use pikku_auth::{jwt::Fetch, platform::CloudflareAccess};
use serde_json::{Value, json};
use std::convert::Infallible;

#[pikku::authenticator]
async fn principal(call: &Call) -> Result<Option<Claims>, AuthError> {
    pikku_auth::platform::easy_auth(call)
}

#[pikku::function]
async fn mine(user: Session<Value>) -> Result<Value, Infallible> {
    Ok(user.0)
}

#[pikku::function(scopes = ["admin"])]
async fn admin() -> Result<(), Infallible> {
    Ok(())
}

#[derive(Group)]
struct Mine;

#[tokio::test]
async fn only_the_adapter_says_whom_the_platform_has_let_in() {
    let app = App::new().authenticate::<principal>().group::<Mine>(|g| g.http::<mine>(get("/mine")));
    let app = TestApp::start(app).await;
    let context = |issuer| Context {
        identity: Some(Box::new(PlatformIdentity::new(issuer, r#"{"auth_typ":"aad"}"#))),
        ..Context::default()
    };
    let status = async |context| app.engine().http(HttpRequest::new(Method::GET, "/mine"), context).await.status;
    assert_eq!(status(context("easy-auth")).await, 200);
    assert_eq!(status(context("another")).await, 401);
    let smuggled = app.get("/mine").header("x-ms-client-principal", "eyJhdXRoX3R5cCI6ImFhZCJ9").send().await;
    assert_eq!(smuggled.status(), 401);
}

#[pikku::authenticator]
async fn gateway(call: &Call) -> Result<Option<Claims>, AuthError> {
    pikku_auth::platform::api_gateway(call)
}

#[tokio::test]
async fn header_smuggling_of_what_only_a_platform_says() {
    let app = App::new()
        .authenticate::<principal>()
        .authenticate::<gateway>()
        .group::<Mine>(|g| g.http::<mine>(get("/mine")));
    let app = TestApp::start(app).await;
    let principal = "eyJhdXRoX3R5cCI6ImFhZCIsInByaW5jaXBhbElkIjoibSJ9";
    for name in [
        "x-ms-client-principal",
        "x-ms-client-principal-id",
        "x-ms-token-aad-id-token",
        "x-amzn-oidc-identity",
        "x-amzn-oidc-data",
        "x-amzn-request-context",
        "x-amzn-remapped-authorization",
        "cf-access-jwt-assertion",
        "cf-access-authenticated-user-email",
        "x-forwarded-user",
        "x-remote-user",
        "x-forwarded-email",
    ] {
        for value in [principal, "mallory", r#"{"principalId":"m","claims":{"sub":"m"}}"#] {
            assert_eq!(app.get("/mine").header(name, value).send().await.status(), 401, "{name}: {value}");
        }
    }
    let identity = Some(Box::new(PlatformIdentity::new("api-gateway", r#"{"principalId":"ada"}"#)));
    let context = Context { identity, ..Context::default() };
    assert_eq!(app.engine().http(HttpRequest::new(Method::GET, "/mine"), context).await.status, 200);
}

const NOW: u64 = 1_767_225_600;
const TEAM: &str = "https://example.cloudflareaccess.com";
const AUDIENCE: &str = "4714c1358e65fe4b408ad6d432a5f878f08194bdb4752441fd56faefa9b2b6f2";
const RSA: &[u8] = include_bytes!("keys/rsa.der");

#[derive(Debug)]
struct Access(CloudflareAccess);

#[pikku::service]
fn access_of_the_test() -> Result<Access, BoxError> {
    Err("the test gives it".into())
}

#[pikku::authenticator]
async fn access(access: &Access, call: &Call) -> Result<Option<Claims>, AuthError> {
    access.0.authenticate(call).await
}

struct Certs;

impl Fetch for Certs {
    fn fetch<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<Vec<u8>, BoxError>> {
        assert_eq!(url, "https://example.cloudflareaccess.com/cdn-cgi/access/certs");
        let mut jwk = Jwk::from_encoding_key(&EncodingKey::from_rsa_der(RSA), Algorithm::RS256).unwrap();
        jwk.common.key_id = Some("team".to_owned());
        let document = json!({ "keys": [jwk], "public_cert": {}, "public_certs": [] });
        Box::pin(std::future::ready(Ok(serde_json::to_vec(&document).unwrap())))
    }
}

fn assertion(key: &EncodingKey, algorithm: Algorithm, issuer: &str, audience: &str, expires: u64) -> String {
    let header = Header { kid: Some("team".to_owned()), ..Header::new(algorithm) };
    let claims = json!({
        "aud": [audience], "iss": issuer, "exp": expires, "iat": NOW - 5, "type": "app", "sub": "7335d417",
        "email": "ada@example.com", "scope": "admin",
    });
    encode(&header, &claims, key).unwrap()
}

#[tokio::test]
async fn cloudflare_access_is_believed_by_its_signature_and_not_by_the_name_of_its_header() {
    let app = App::new()
        .authenticate::<access>()
        .group::<Mine>(|g| g.http::<mine>(get("/mine")).http::<admin>(get("/admin")));
    let access = CloudflareAccess::new(TEAM, AUDIENCE, Certs);
    let app = TestApp::prepare(app).with(Access(access)).start().await;
    let rsa = EncodingKey::from_rsa_der(RSA);
    let good = assertion(&rsa, Algorithm::RS256, TEAM, AUDIENCE, NOW + 60);
    let ask = async |token: &str| app.get("/mine").header("Cf-Access-Jwt-Assertion", token).send().await;
    let answer = ask(&good).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(answer.json::<Value>()["email"], "ada@example.com");
    let admin = app.get("/admin").header("cf-access-jwt-assertion", &good).send().await;
    assert_eq!(admin.status(), 403, "a claim of the identity provider grants no scope");
    let of_another = EncodingKey::from_secret(b"a secret of at least thirty-two octets");
    for (token, what) in [
        (assertion(&rsa, Algorithm::RS256, TEAM, "another application", NOW + 60), "of another application"),
        (assertion(&rsa, Algorithm::RS256, "https://evil.cloudflareaccess.com", AUDIENCE, NOW + 60), "of another team"),
        (assertion(&rsa, Algorithm::RS256, TEAM, AUDIENCE, NOW - 60), "expired"),
        (assertion(&of_another, Algorithm::HS256, TEAM, AUDIENCE, NOW + 60), "signed with another key"),
        (format!("{}A", good), "changed"),
        ("ada@example.com".to_owned(), "no token"),
        (String::new(), "empty"),
    ] {
        assert_eq!(ask(&token).await.status(), 401, "{what}");
    }
    let twice = app.get("/mine").header("cf-access-jwt-assertion", &good).header("cf-access-jwt-assertion", &good);
    assert_eq!(twice.send().await.status(), 400);
    // The other headers of Access, and the token where an app does not look for it.
    let named = app.get("/mine").header("cf-access-authenticated-user-email", "ada@example.com").send().await;
    assert_eq!(named.status(), 401);
    let borne = app.get("/mine").header("authorization", &format!("Bearer {good}")).send().await;
    assert_eq!(borne.status(), 401);
}

#[test]
#[should_panic(expected = "a team's domain is written as")]
fn a_team_without_https_is_refused() {
    let _ = CloudflareAccess::new("http://example.cloudflareaccess.com", AUDIENCE, Certs);
}
