//! Attacks on bearer tokens, each named after what is tried. Keys in `keys/` are made for these tests.

use jsonwebtoken::{
    Algorithm, EncodingKey, Header, encode,
    jwk::{Jwk, PublicKeyUse},
};
use pikku::{App, AuthError, BoxError, BoxFuture, Call, Claims, Group, Session, http::get, testing::TestApp};
use pikku_auth::jwt::{Fetch, Key, KeyError, KeySet, Tokens};
use serde_json::{Value, json};
use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

const NOW_MS: u64 = 1_767_225_600_000;
const NOW: u64 = NOW_MS / 1_000;
const SECRET: &[u8] = b"plantedsecret7Qx of at least thirty-two octets";
const ISSUER: &str = "https://id.example";
const RSA: &[u8] = include_bytes!("keys/rsa.der");
const P256: &[u8] = include_bytes!("keys/p256.der");
const ED25519: &[u8] = include_bytes!("keys/ed25519.der");

fn tokens() -> Tokens {
    Tokens::of(Key::hmac(SECRET).unwrap(), ISSUER, "shop")
}

fn claims() -> Value {
    json!({ "iss": ISSUER, "aud": "shop", "sub": "ada", "exp": NOW + 60, "scope": "orders:read" })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn signed(header: &Header, claims: &Value, key: &EncodingKey) -> String {
    encode(header, claims, key).unwrap()
}

fn hs256(claims: &Value) -> String {
    signed(&Header::new(Algorithm::HS256), claims, &EncodingKey::from_secret(SECRET))
}

fn base64(text: &str) -> String {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    URL_SAFE_NO_PAD.encode(text)
}

/// The status that a token ends in: `200` where it is valid.
async fn status(tokens: &Tokens, token: &str) -> u16 {
    outcome(tokens.verify(token, NOW_MS).await)
}

fn outcome(verified: Result<Claims, AuthError>) -> u16 {
    verified.map_or_else(|error| error.into_problem("Bearer").status().as_u16(), |_| 200)
}

fn public(key: &EncodingKey, algorithm: Algorithm, id: &str) -> Value {
    let mut jwk = Jwk::from_encoding_key(key, algorithm).unwrap();
    jwk.common.key_id = Some(id.to_owned());
    jwk.common.public_key_use = Some(PublicKeyUse::Signature);
    serde_json::to_value(jwk).unwrap()
}

#[tokio::test]
async fn a_valid_token_is_a_session_with_its_scopes() {
    let claims = tokens().verify(&hs256(&claims()), NOW_MS).await.unwrap();
    assert_eq!(claims.value()["sub"], "ada");
    assert_eq!(claims.scopes().iter().collect::<Vec<_>>(), ["orders:read"]);
    let listed =
        tokens().verify(&hs256(&json!({"iss": ISSUER, "aud": ["x", "shop"], "exp": NOW, "scp": ["a"]})), NOW_MS).await;
    assert_eq!(listed.unwrap().scopes().iter().collect::<Vec<_>>(), ["a"]);
}

#[tokio::test]
async fn every_kind_of_key_verifies_its_own() {
    for (key, algorithms) in [
        (EncodingKey::from_rsa_der(RSA), &[Algorithm::RS256, Algorithm::RS512, Algorithm::PS256][..]),
        (EncodingKey::from_ec_der(P256), &[Algorithm::ES256]),
        (EncodingKey::from_ed_der(ED25519), &[Algorithm::EdDSA]),
    ] {
        for &algorithm in algorithms {
            let jwk = public(&key, algorithm, "k");
            let tokens = Tokens::of(Key::jwk(&jwk.to_string()).unwrap(), ISSUER, "shop");
            let header = Header { kid: Some("k".into()), ..Header::new(algorithm) };
            assert_eq!(status(&tokens, &signed(&header, &claims(), &key)).await, 200, "{algorithm:?}");
            assert_eq!(status(&tokens, &hs256(&claims())).await, 401);
        }
    }
}

#[tokio::test]
async fn alg_none_is_refused() {
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let header = base64(&json!({ "alg": alg, "typ": "JWT" }).to_string());
        let payload = base64(&claims().to_string());
        for signature in ["", "AA"] {
            assert_eq!(status(&tokens(), &format!("{header}.{payload}.{signature}")).await, 401, "{alg}");
        }
    }
}

#[tokio::test]
async fn algorithm_confusion_is_refused() {
    // The public key, which everyone has, as the secret of an HMAC.
    let rsa = EncodingKey::from_rsa_der(RSA);
    let jwk = public(&rsa, Algorithm::RS256, "k");
    let tokens = Tokens::of(Key::jwk(&jwk.to_string()).unwrap(), ISSUER, "shop");
    for secret in [jwk.to_string(), jwk["n"].as_str().unwrap().to_owned()] {
        for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            let forged = signed(&Header::new(algorithm), &claims(), &EncodingKey::from_secret(secret.as_bytes()));
            assert_eq!(status(&tokens, &forged).await, 401);
        }
    }
    // A key that says RS256 verifies nothing else, though its type could.
    let ps256 = signed(&Header::new(Algorithm::PS256), &claims(), &rsa);
    assert_eq!(status(&tokens, &ps256).await, 401);
    // A secret is for HS256 alone.
    let hs512 = signed(&Header::new(Algorithm::HS512), &claims(), &EncodingKey::from_secret(SECRET));
    assert_eq!(status(&self::tokens(), &hs512).await, 401);
}

#[tokio::test]
async fn kid_traversal_finds_nothing() {
    let keys = || Tokens::of(Key::hmac(SECRET).unwrap().with_id("2026"), ISSUER, "shop");
    for kid in ["../../dev/null", "/etc/passwd", "2026' OR '1'='1", "https://evil.example/k", "", "2026\0", "2027"] {
        let header = Header { kid: Some(kid.into()), ..Header::new(Algorithm::HS256) };
        for secret in [SECRET, b"", b"\0"] {
            let token = signed(&header, &claims(), &EncodingKey::from_secret(secret));
            assert_eq!(status(&keys(), &token).await, 401, "{kid}");
        }
    }
    let header = Header { kid: Some("2026".into()), ..Header::new(Algorithm::HS256) };
    assert_eq!(status(&keys(), &signed(&header, &claims(), &EncodingKey::from_secret(SECRET))).await, 200);
}

#[tokio::test]
async fn keys_that_a_token_brings_along_are_not_looked_at() {
    let evil = EncodingKey::from_ec_der(P256);
    let header = Header {
        jwk: Some(Jwk::from_encoding_key(&evil, Algorithm::ES256).unwrap()),
        jku: Some("https://evil.example/keys".into()),
        x5u: Some("https://evil.example/x5u".into()),
        ..Header::new(Algorithm::ES256)
    };
    assert_eq!(status(&tokens(), &signed(&header, &claims(), &evil)).await, 401);
}

#[tokio::test]
async fn critical_extensions_are_refused() {
    let header = Header { crit: Some(vec!["b64".into()]), ..Header::new(Algorithm::HS256) };
    assert_eq!(status(&tokens(), &signed(&header, &claims(), &EncodingKey::from_secret(SECRET))).await, 401);
}

#[tokio::test]
async fn expired_and_not_yet_valid_tokens_are_refused() {
    for (name, value, expected) in [
        ("exp", json!(NOW - 29), 200),
        ("exp", json!(NOW - 30), 401),
        ("exp", json!(0), 401),
        ("exp", json!("2099"), 401),
        ("exp", Value::Null, 401),
        ("exp", json!(1e308), 401),
        ("nbf", json!(NOW + 30), 200),
        ("nbf", json!(NOW + 31), 401),
        ("nbf", json!("soon"), 401),
        ("iat", json!(NOW + 31), 401),
        ("iat", json!(NOW), 200),
    ] {
        assert_eq!(status(&tokens(), &hs256(&with(name, value.clone()))).await, expected, "{name} {value}");
    }
    let mut endless = claims();
    endless.as_object_mut().unwrap().remove("exp");
    assert_eq!(status(&tokens(), &hs256(&endless)).await, 401);
    assert_eq!(status(&tokens().skew_s(0), &hs256(&with("exp", json!(NOW)))).await, 401);
}

#[tokio::test]
async fn audience_mix_up_is_refused() {
    for audience in [json!("bank"), json!(["bank", "shops"]), json!([]), json!(""), json!("SHOP"), Value::Null] {
        assert_eq!(status(&tokens(), &hs256(&with("aud", audience.clone()))).await, 401, "{audience}");
    }
    for issuer in [json!("https://id.example/"), json!("https://id.example.evil"), json!(""), Value::Null] {
        assert_eq!(status(&tokens(), &hs256(&with("iss", issuer.clone()))).await, 401, "{issuer}");
    }
    for name in ["aud", "iss"] {
        let mut without = claims();
        without.as_object_mut().unwrap().remove(name);
        assert_eq!(status(&tokens(), &hs256(&without)).await, 401, "{name}");
    }
}

#[tokio::test]
async fn a_token_for_another_purpose_is_refused() {
    let access = tokens().token_type("at+jwt");
    assert_eq!(status(&access, &hs256(&claims())).await, 401);
    for typ in ["at+jwt", "application/at+JWT"] {
        let header = Header { typ: Some(typ.into()), ..Header::new(Algorithm::HS256) };
        assert_eq!(status(&access, &signed(&header, &claims(), &EncodingKey::from_secret(SECRET))).await, 200);
    }
    assert_eq!(status(&tokens().require("sub"), &hs256(&claims())).await, 200);
    assert_eq!(status(&tokens().require("tenant"), &hs256(&claims())).await, 401);
}

#[tokio::test]
async fn oversized_and_broken_tokens_are_refused() {
    assert_eq!(status(&tokens(), &hs256(&with("pad", json!("x".repeat(9_000))))).await, 401);
    let token = hs256(&claims());
    for broken in [
        "",
        ".",
        "..",
        "a.b.c",
        &token[..token.len() - 2],
        &format!("{token}x"),
        &format!("{token}."),
        &token.replace('.', ".."),
    ] {
        assert_eq!(status(&tokens(), broken).await, 401, "{broken}");
    }
    let (head, signature) = token.rsplit_once('.').unwrap();
    let (header, _) = head.split_once('.').unwrap();
    let payload = base64(&with("sub", json!("mallory")).to_string());
    assert_eq!(status(&tokens(), &format!("{header}.{payload}.{signature}")).await, 401);
}

#[tokio::test]
async fn what_a_token_claims_is_read_once_its_signature_is_verified() {
    let header = base64(&json!({ "alg": "HS256" }).to_string());
    let signature = |text: &str, secret| {
        jsonwebtoken::crypto::sign(text.as_bytes(), &EncodingKey::from_secret(secret), Algorithm::HS256).unwrap()
    };
    for claims in ["", "{", "[]", "null", "7", r#"{"exp":1}"#] {
        let text = format!("{header}.{}", base64(claims));
        for (secret, is_forged) in [(&[7; 32][..], true), (SECRET, false)] {
            let token = format!("{text}.{}", signature(&text, secret));
            let refused = format!("{:?}", tokens().verify(&token, NOW_MS).await.unwrap_err());
            assert_eq!(refused.contains("signed by no key"), is_forged, "{claims}: {refused}");
        }
    }
}

#[test]
fn keys_that_are_too_weak_or_for_something_else_are_refused() {
    assert_eq!(Key::hmac(b"short").unwrap_err(), KeyError::TooShort);
    let rsa = public(&EncodingKey::from_rsa_der(RSA), Algorithm::RS256, "k");
    let changed = |name: &str, value: Value| {
        let mut jwk = rsa.clone();
        jwk[name] = value;
        Key::jwk(&jwk.to_string()).unwrap_err()
    };
    assert_eq!(changed("use", json!("enc")), KeyError::NotForTokens);
    assert_eq!(changed("alg", json!("ES256")), KeyError::NotForTokens);
    assert_eq!(changed("n", json!("AQAB")), KeyError::TooShort);
    assert_eq!(Key::jwk("a key").unwrap_err(), KeyError::NotAKey);
    assert_eq!(Key::jwk("{}").unwrap_err(), KeyError::NotForTokens);
    // A secret does not belong in a set.
    assert_eq!(Key::jwk(r#"{"kty":"oct","k":"c2VjcmV0"}"#).unwrap_err(), KeyError::NotForTokens);
    assert!(!format!("{:?}", Key::hmac(SECRET).unwrap()).contains("plantedsecret7Qx"));
}

/// An endpoint of keys that can be changed and go down.
#[derive(Clone, Default)]
struct Endpoint {
    keys: Arc<Mutex<Option<Value>>>,
    asked: Arc<AtomicUsize>,
}

impl Endpoint {
    fn serve(&self, keys: Option<Value>) {
        *self.keys.lock().unwrap() = keys;
    }

    fn asked(&self) -> usize {
        self.asked.swap(0, Ordering::SeqCst)
    }
}

impl Fetch for Endpoint {
    fn fetch<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<Vec<u8>, BoxError>> {
        assert_eq!(url, "https://id.example/keys");
        self.asked.fetch_add(1, Ordering::SeqCst);
        let keys = self.keys.lock().unwrap().as_ref().map(|keys| keys.to_string().into_bytes());
        Box::pin(std::future::ready(keys.ok_or_else(|| "the endpoint is down".into())))
    }
}

/// The tokens of a set at an endpoint; a token of its key under an id.
fn set() -> (Endpoint, Tokens) {
    let endpoint = Endpoint::default();
    let tokens = Tokens::of_set(KeySet::new("https://id.example/keys", endpoint.clone()), ISSUER, "shop");
    (endpoint, tokens)
}

fn es256(id: &str) -> String {
    let header = Header { kid: Some(id.into()), ..Header::new(Algorithm::ES256) };
    // It outlasts the days that these tests pass.
    signed(&header, &with("exp", json!(NOW + 864_000)), &EncodingKey::from_ec_der(P256))
}

fn document(ids: &[&str]) -> Option<Value> {
    let key = EncodingKey::from_ec_der(P256);
    let keys: Vec<Value> = ids.iter().map(|id| public(&key, Algorithm::ES256, id)).collect();
    Some(json!({ "keys": keys }))
}

#[tokio::test]
async fn keys_are_fetched_once_and_again_when_they_are_rotated() {
    let (endpoint, tokens) = set();
    endpoint.serve(document(&["one"]));
    let at = async |id: &str, after_ms: u64| outcome(tokens.verify(&es256(id), NOW_MS + after_ms).await);
    for _ in 0..3 {
        assert_eq!(at("one", 0).await, 200);
    }
    assert_eq!(endpoint.asked(), 1);
    // A new key is found when a token names it, once the endpoint has had its pause.
    endpoint.serve(document(&["one", "two"]));
    assert_eq!(at("two", 1_000).await, 401);
    assert_eq!(endpoint.asked(), 0);
    assert_eq!(at("two", 30_000).await, 200);
    assert_eq!(endpoint.asked(), 1);
    // A key that is taken out is not taken once the set is fetched again.
    endpoint.serve(document(&["two"]));
    assert_eq!(at("one", 60_000).await, 200);
    assert_eq!(at("one", 30_000 + 600_000).await, 401);
    assert_eq!(endpoint.asked(), 1);
}

#[tokio::test]
async fn a_set_of_one_type_has_no_other_keys() {
    let (p256, rsa) = (EncodingKey::from_ec_der(P256), EncodingKey::from_rsa_der(RSA));
    let keys = [public(&p256, Algorithm::ES256, "one"), public(&rsa, Algorithm::RS256, "two")];
    for (read, one, two) in [(Key::p256 as fn(&str) -> _, 200, 401), (Key::rsa, 401, 200), (Key::jwk, 200, 200)] {
        let endpoint = Endpoint::default();
        endpoint.serve(Some(json!({ "keys": keys })));
        let tokens = Tokens::of_set(KeySet::of("https://id.example/keys", endpoint, read), ISSUER, "shop");
        assert_eq!(status(&tokens, &es256("one")).await, one);
        let header = Header { kid: Some("two".into()), ..Header::new(Algorithm::RS256) };
        assert_eq!(status(&tokens, &signed(&header, &claims(), &rsa)).await, two);
    }
}

#[tokio::test]
async fn made_up_key_ids_do_not_reach_the_endpoint() {
    let (endpoint, tokens) = set();
    endpoint.serve(document(&["one"]));
    for attempt in 0..50 {
        assert_eq!(outcome(tokens.verify(&es256(&format!("made-up-{attempt}")), NOW_MS + attempt * 100).await), 401);
    }
    assert_eq!(endpoint.asked(), 1);
}

#[tokio::test]
async fn jwks_endpoint_down_keeps_the_old_keys_and_denies_unknown_ones() {
    let (endpoint, tokens) = set();
    let at = async |id: &str, after_ms: u64| outcome(tokens.verify(&es256(id), NOW_MS + after_ms).await);
    // Down from the start: nobody is let in, and it is asked again after the pause.
    assert_eq!(at("one", 0).await, 503);
    assert_eq!(at("one", 1_000).await, 503);
    assert_eq!(endpoint.asked(), 1);
    endpoint.serve(document(&["one"]));
    assert_eq!(at("one", 30_000).await, 200);
    endpoint.serve(None);
    let hour = 3_600_000;
    assert_eq!(at("one", hour).await, 200);
    assert_eq!(at("two", hour + 1_000).await, 401);
    assert_eq!(at("one", 24 * hour).await, 200);
    assert_eq!(at("one", 25 * hour).await, 503);
}

#[tokio::test]
async fn sets_that_are_none_are_refused() {
    let many: Vec<Value> =
        (0..65).map(|id| public(&EncodingKey::from_ec_der(P256), Algorithm::ES256, &id.to_string())).collect();
    for keys in [
        json!({}),
        json!([]),
        json!({ "keys": [] }),
        json!({ "keys": [{"kty": "oct", "k": "AA"}] }),
        json!({ "keys": many }),
        json!({"keys": [], "pad": "x".repeat(300_000)}),
    ] {
        let (endpoint, tokens) = set();
        endpoint.serve(Some(keys));
        assert_eq!(status(&tokens, &es256("0")).await, 503);
    }
}

// The whole way.

struct AppTokens(Tokens);

#[pikku::service]
fn app_tokens() -> AppTokens {
    AppTokens(tokens())
}

#[pikku::authenticator]
async fn token(tokens: &AppTokens, call: &Call) -> Result<Option<Claims>, AuthError> {
    tokens.0.authenticate(call).await
}

#[derive(serde::Deserialize)]
struct User {
    sub: String,
}

#[pikku::function(scopes = ["orders:read"])]
async fn orders(user: Session<User>) -> Result<String, Infallible> {
    Ok(user.0.sub)
}

#[derive(Group)]
struct Orders;

#[tokio::test]
async fn a_bearer_token_opens_what_its_scopes_say() {
    let app =
        TestApp::start(App::new().authenticate::<token>().group::<Orders>(|g| g.http::<orders>(get("/orders")))).await;
    let with_header = async |values: &[&str]| {
        let request = values.iter().fold(app.get("/orders"), |request, value| request.header("authorization", value));
        let answer = request.send().await;
        (answer.status(), answer.header("www-authenticate").unwrap_or_default().to_owned())
    };
    let good = hs256(&claims());
    assert_eq!(with_header(&[&format!("Bearer {good}")]).await.0, 200);
    assert_eq!(with_header(&[&format!("bearer  {good} ")]).await.0, 200);
    assert_eq!(with_header(&[]).await, (401, "Bearer".into()));
    assert_eq!(with_header(&["Basic YTpi"]).await, (401, "Bearer".into()));
    assert_eq!(with_header(&[&format!("Bearer {good}x")]).await, (401, "Bearer error=\"invalid_token\"".into()));
    let malformed = (400, "Bearer error=\"invalid_request\"".to_owned());
    for bad in ["Bearer", "Bearer ", "Bearer a b", "Bearer a,b", "Bearer \u{e4}"] {
        assert_eq!(with_header(&[bad]).await, malformed, "{bad}");
    }
    assert_eq!(with_header(&[&format!("Bearer {good}"), &format!("Bearer {good}")]).await, malformed);
    let scoped = (403, "Bearer error=\"insufficient_scope\", scope=\"orders:read\"".to_owned());
    assert_eq!(with_header(&[&format!("Bearer {}", hs256(&with("scope", json!("orders:write"))))]).await, scoped);
}
