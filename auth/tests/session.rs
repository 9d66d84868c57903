//! Sessions in cookies, and attacks on them, through a whole app.

use pikku::{
    App, AuthError, BoxError, BoxFuture, Call, Claims, Group, Problem, Scopes, Selection, Session, SessionChange,
    SessionControl,
    http::{get, post},
    testing::{TestApp, TestRequest, TestResponse},
    wiring::Queue,
};
use pikku_auth::session::{
    CookieSessions, MemorySessions, SameSite, SealKeyError, SealKeys, SessionKey, SessionStore, StoredSession,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{convert::Infallible, time::Duration};

const SECRET: &[u8] = b"plantedsecret7Qx that is long enough to be one";
const OLD_SECRET: &[u8] = b"plantedsecret7Qx that was there before this one";
const NEW_YEAR_2026_MS: u64 = 1_767_225_600_000;
const HOUR_MS: u64 = 3_600_000;

#[derive(Debug)]
struct Sessions(CookieSessions);

#[pikku::service]
fn sessions() -> Result<Sessions, BoxError> {
    Err("the test gives it".into())
}

#[pikku::authenticator(challenge = "Cookie", keep = keep)]
async fn cookie(sessions: &Sessions, call: &Call) -> Result<Option<Claims>, AuthError> {
    sessions.0.authenticate(call).await
}

async fn keep(sessions: &Sessions, call: &Call, change: &SessionChange) -> Result<(), Problem> {
    sessions.0.settle(call, change).await
}

#[derive(Deserialize, Serialize)]
struct User {
    name: String,
}

#[derive(Deserialize, JsonSchema)]
struct LogIn {
    name: String,
    #[serde(default)]
    note: String,
}

#[pikku::function(public)]
async fn log_in(session: &SessionControl, input: LogIn) -> Result<(), Problem> {
    let claims =
        Claims::new(json!({ "name": &input.name, "note": input.note })).with_scopes(Scopes::parse("orders:read"));
    session.set(if input.name == "nobody" { claims } else { claims.with_subject(input.name.as_str()) });
    if input.name == "mallory" { Err(Problem::malformed("not you")) } else { Ok(()) }
}

#[pikku::function(public)]
async fn log_out(session: &SessionControl) -> Result<(), Infallible> {
    session.clear();
    Ok(())
}

#[pikku::function]
async fn whoami(user: Session<User>) -> Result<String, Infallible> {
    Ok(user.0.name)
}

#[pikku::function(public)]
async fn greet(user: Option<Session<User>>) -> Result<Option<String>, Infallible> {
    Ok(user.map(|user| user.0.name))
}

#[pikku::function(scopes = ["orders:read"])]
async fn orders() -> Result<(), Infallible> {
    Ok(())
}

/// Deletes the caller's account.
#[pikku::function]
async fn delete_account(sessions: &Sessions, user: Session<User>) -> Result<(), Problem> {
    sessions.0.remove_user(&user.name).await.map_err(|error| Problem::internal(error.to_string()))
}

/// Changes the caller's password: every session ends, and a new one begins.
#[pikku::function]
async fn change_password(sessions: &Sessions, control: &SessionControl, user: Session<User>) -> Result<(), Problem> {
    sessions.0.remove_user(&user.name).await.map_err(|error| Problem::internal(error.to_string()))?;
    control.set(Claims::new(json!({ "name": &user.name })).with_subject(user.0.name));
    Ok(())
}

#[derive(Group)]
struct Everything;

fn app<S: Selection>() -> App<S> {
    App::new().authenticate::<cookie>().group::<Everything>(|g| {
        g.http::<log_in>(post("/session"))
            .http::<log_out>(post("/no-session"))
            .http::<whoami>(get("/me"))
            .http::<whoami>(post("/me"))
            .http::<greet>(get("/"))
            .http::<orders>(get("/orders"))
            .http::<delete_account>(post("/no-account"))
            .http::<change_password>(post("/password"))
            .queue::<log_in>("logins", Queue::default())
    })
}

async fn running(sessions: CookieSessions) -> TestApp {
    TestApp::prepare(app()).with(Sessions(sessions)).start().await
}

fn keys() -> SealKeys {
    SealKeys::new(SECRET).unwrap()
}

/// With the sessions in a store, which the test keeps too.
async fn with_store() -> (TestApp, MemorySessions) {
    let store = MemorySessions::default();
    (running(CookieSessions::in_store(keys(), store.clone())).await, store)
}

async fn without_store() -> TestApp {
    running(CookieSessions::in_cookie(keys())).await
}

/// The whole `Set-Cookie`.
fn set_cookie(answer: &TestResponse) -> String {
    let mut values = answer.headers().get_all("set-cookie").map(|value| String::from_utf8_lossy(value).into_owned());
    let value = values.next().expect("a cookie is set");
    assert_eq!(values.next(), None, "one cookie");
    value
}

/// The pair that a browser sends back.
fn pair(answer: &TestResponse) -> String {
    set_cookie(answer).split(';').next().unwrap().to_owned()
}

async fn logged_in(app: &TestApp, name: &str) -> String {
    let answer = app.post("/session").json(&json!({ "name": name })).send().await;
    assert_eq!(answer.status(), 204);
    pair(&answer)
}

async fn with(request: TestRequest<'_>, cookie: &str) -> TestResponse {
    request.header("cookie", cookie).send().await
}

async fn status(app: &TestApp, cookie: &str) -> u16 {
    with(app.get("/me"), cookie).await.status()
}

fn code(answer: &TestResponse) -> (u16, String) {
    (answer.status(), answer.json::<Value>()["code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn who_logs_in_is_known_until_logging_out() {
    for app in [with_store().await.0, without_store().await] {
        assert_eq!(app.get("/me").send().await.status(), 401);
        let cookie = logged_in(&app, "ada").await;
        let answer = with(app.get("/me"), &format!("theme=dark; {cookie}; tz=UTC")).await;
        assert_eq!(answer.json::<String>(), "ada");
        assert_eq!(with(app.get("/orders"), &cookie).await.status(), 204, "with the scopes that were granted");
        assert!(!answer.headers().contains("set-cookie"), "nothing is sent again that could come after a logout");
        let answer = with(app.post("/no-session"), &cookie).await;
        assert_eq!(answer.status(), 204);
        assert_eq!(set_cookie(&answer), "__Host-session=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax");
    }
}

#[tokio::test]
async fn a_cookie_is_guarded_as_browsers_can() {
    let store = MemorySessions::default();
    let plain = with_store().await.0.post("/session").json(&json!({ "name": "ada" })).send().await;
    let told = CookieSessions::in_store(keys(), store)
        .name("shop")
        .same_site(SameSite::Strict)
        .lifetime(Duration::from_secs(60));
    let told = running(told).await.post("/session").json(&json!({ "name": "ada" })).send().await;
    for (answer, name, attributes) in [
        (plain, "__Host-session", "Path=/; Max-Age=43200; Secure; HttpOnly; SameSite=Lax"),
        (told, "__Host-shop", "Path=/; Max-Age=60; Secure; HttpOnly; SameSite=Strict"),
    ] {
        let cookie = set_cookie(&answer);
        let (pair, rest) = cookie.split_once("; ").unwrap();
        assert_eq!(rest, attributes);
        let (given, value) = pair.split_once('=').unwrap();
        assert_eq!(given, name);
        assert!(value.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-_".contains(&octet)), "{value}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "no cache gives it to another");
    }
}

#[tokio::test]
async fn logging_out_ends_a_session_that_was_copied() {
    let (app, store) = with_store().await;
    let cookie = logged_in(&app, "ada").await;
    with(app.post("/no-session"), &cookie).await;
    assert_eq!(status(&app, &cookie).await, 401);
    assert!(store.is_empty());
}

#[tokio::test]
async fn without_a_store_a_copy_stands_until_it_expires() {
    // What the documentation says of it.
    let app = without_store().await;
    let cookie = logged_in(&app, "ada").await;
    with(app.post("/no-session"), &cookie).await;
    assert_eq!(status(&app, &cookie).await, 200);
    app.set_now_ms(NEW_YEAR_2026_MS + 12 * HOUR_MS - 1);
    assert_eq!(status(&app, &cookie).await, 200);
    app.set_now_ms(NEW_YEAR_2026_MS + 12 * HOUR_MS);
    assert_eq!(status(&app, &cookie).await, 401);
}

#[tokio::test]
async fn tampering_with_any_octet_of_a_cookie_ends_in_no_session() {
    for app in [with_store().await.0, without_store().await] {
        let cookie = logged_in(&app, "ada").await;
        let (name, value) = cookie.split_once('=').unwrap();
        for at in 0..value.len() {
            for other in ["A", "B", "_", ".", ""] {
                if &value[at..=at] == other {
                    continue;
                }
                let forged = format!("{name}={}{other}{}", &value[..at], &value[at + 1..]);
                assert_eq!(status(&app, &forged).await, 401, "{forged}");
            }
        }
        for forged in ["", "A", "=", "null", "{}", &format!("{value}A"), &format!("{value}="), &format!("\"{value}\"")]
        {
            assert_eq!(status(&app, &format!("{name}={forged}")).await, 401, "{forged}");
        }
        assert_eq!(status(&app, &cookie).await, 200);
    }
}

#[tokio::test]
async fn tampering_leaves_a_public_function_without_a_session_and_a_line_in_the_log() {
    let (app, _) = with_store().await;
    let answer = with(app.get("/"), "__Host-session=forged").await;
    assert_eq!((answer.status(), answer.json::<Option<String>>()), (200, None));
    assert!(!answer.headers().contains("set-cookie"));
    let lines: Vec<String> = app.logged().iter().map(|line| line.message.clone()).collect();
    assert_eq!(lines, ["the cookie of a session does not open: it was changed, or its key is gone"]);
}

#[tokio::test]
async fn a_cookie_shows_and_repeats_nothing() {
    let app = without_store().await;
    let (first, second) = (logged_in(&app, "ada").await, logged_in(&app, "ada").await);
    assert_ne!(first, second);
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let octets = URL_SAFE_NO_PAD.decode(first.split_once('=').unwrap().1).unwrap();
    assert!(!octets.windows(3).any(|window| window == b"ada"));
}

#[tokio::test]
async fn a_session_of_another_key_is_none() {
    let other = SealKeys::new(b"the secret of another app, which is as long").unwrap();
    let app = without_store().await;
    let theirs = logged_in(&running(CookieSessions::in_cookie(other)).await, "ada").await;
    assert_eq!(status(&app, &theirs).await, 401);
}

#[tokio::test]
async fn a_cookie_of_one_name_or_use_is_none_of_another() {
    let store = MemorySessions::default();
    let apps = [
        ("__Host-session", running(CookieSessions::in_cookie(keys())).await),
        ("__Host-admin", running(CookieSessions::in_cookie(keys()).name("admin")).await),
        ("__Host-session", running(CookieSessions::in_store(keys(), store)).await),
    ];
    for (from, (_, made)) in apps.iter().enumerate() {
        let cookie = logged_in(made, "ada").await;
        let value = cookie.split_once('=').unwrap().1;
        for (to, (name, app)) in apps.iter().enumerate() {
            let expected = if from == to { 200 } else { 401 };
            assert_eq!(status(app, &format!("{name}={value}")).await, expected, "{from} {to}");
        }
    }
}

#[tokio::test]
async fn keys_are_rotated_without_logging_anybody_out() {
    let (old, new) = (std::str::from_utf8(OLD_SECRET).unwrap(), std::str::from_utf8(SECRET).unwrap());
    // White space separates, so these have none.
    let (old, new) = (old.replace(' ', "-"), new.replace(' ', "-"));
    let app = |text: String| running(CookieSessions::in_cookie(SealKeys::parse(&text).unwrap()));
    let (before, between, after) =
        (app(old.clone()).await, app(format!("{new}, {old}")).await, app(format!("\n{new}\n")).await);
    let (early, late) = (logged_in(&before, "ada").await, logged_in(&between, "ada").await);
    assert_eq!((status(&between, &early).await, status(&between, &late).await), (200, 200), "all open");
    assert_eq!((status(&before, &late).await, status(&after, &late).await), (401, 200), "the first seals");
    assert_eq!(status(&after, &early).await, 401, "what is taken away opens nothing");
    let added = SealKeys::new(new.as_bytes()).unwrap().or_opened_by(old.as_bytes()).unwrap();
    assert_eq!(status(&running(CookieSessions::in_cookie(added)).await, &early).await, 200);
}

#[tokio::test]
async fn weak_and_missing_keys_are_refused_and_none_is_printed() {
    assert_eq!(SealKeys::new(b"short").unwrap_err(), SealKeyError::TooShort);
    assert_eq!(SealKeys::new(&[7; 31]).unwrap_err(), SealKeyError::TooShort);
    assert_eq!(SealKeys::parse(" ,\n").unwrap_err(), SealKeyError::None);
    let secret = "s".repeat(32);
    assert_eq!(SealKeys::parse(&format!("{secret} short")).unwrap_err(), SealKeyError::TooShort);
    assert_eq!(SealKeys::parse(&[secret.as_str(); 9].join(" ")).unwrap_err(), SealKeyError::TooMany);
    let sessions = CookieSessions::in_cookie(SealKeys::parse(&secret).unwrap());
    assert!(format!("{sessions:?}").contains("SealKeys(1 keys)"));
    assert!(!format!("{sessions:?}").contains(&secret[..8]));
}

#[tokio::test]
async fn fixation_an_id_that_was_planted_is_worth_nothing_after_the_login() {
    let (app, store) = with_store().await;
    // Mallory, who has an account too, plants the cookie of a session of his own.
    let planted = logged_in(&app, "m").await;
    let answer = app.post("/session").header("cookie", &planted).json(&json!({ "name": "ada" })).send().await;
    let hers = pair(&answer);
    assert_ne!(hers, planted);
    assert_eq!(status(&app, &planted).await, 401, "the planted one has ended");
    assert_eq!(with(app.get("/me"), &hers).await.json::<String>(), "ada");
    assert_eq!(store.len(), 1);
    // An id that nobody made is taken for nothing: the server makes them all.
    let made_up = "__Host-session=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let answer = app.post("/session").header("cookie", made_up).json(&json!({ "name": "ada" })).send().await;
    assert_ne!(pair(&answer), made_up);
}

#[tokio::test]
async fn a_login_that_fails_sets_nothing_and_ends_nothing() {
    let (app, store) = with_store().await;
    let cookie = logged_in(&app, "ada").await;
    let answer = app.post("/session").header("cookie", &cookie).json(&json!({ "name": "mallory" })).send().await;
    assert_eq!(answer.status(), 400);
    assert!(!answer.headers().contains("set-cookie"));
    assert_eq!((status(&app, &cookie).await, store.len()), (200, 1));
}

#[tokio::test]
async fn a_session_expires_in_the_store_too() {
    let (app, _) = with_store().await;
    let cookie = logged_in(&app, "ada").await;
    app.set_now_ms(NEW_YEAR_2026_MS + 12 * HOUR_MS - 1);
    assert_eq!(status(&app, &cookie).await, 200);
    app.set_now_ms(NEW_YEAR_2026_MS + 12 * HOUR_MS);
    let answer = with(app.get("/me"), &cookie).await;
    assert_eq!(code(&answer).0, 401);
    assert_eq!(answer.header("www-authenticate"), Some("Cookie"));
}

#[tokio::test]
async fn an_idle_session_ends_and_a_used_one_goes_on_until_it_expires() {
    let store = MemorySessions::default();
    let sessions = CookieSessions::in_store(keys(), store).idle(Duration::from_secs(3_600));
    let app = running(sessions).await;
    let (idle, used) = (logged_in(&app, "ada").await, logged_in(&app, "bob").await);
    let mut now_ms = NEW_YEAR_2026_MS;
    while now_ms + HOUR_MS / 2 < NEW_YEAR_2026_MS + 12 * HOUR_MS {
        now_ms += HOUR_MS / 2;
        app.set_now_ms(now_ms);
        assert_eq!(status(&app, &used).await, 200, "{}", now_ms - NEW_YEAR_2026_MS);
    }
    app.set_now_ms(NEW_YEAR_2026_MS + 12 * HOUR_MS);
    assert_eq!((status(&app, &used).await, status(&app, &idle).await), (401, 401));
    app.set_now_ms(NEW_YEAR_2026_MS + HOUR_MS);
    assert_eq!(status(&app, &idle).await, 401, "it had ended after an hour");
}

#[tokio::test]
async fn the_session_of_a_deleted_user_is_none() {
    let (app, store) = with_store().await;
    let (laptop, phone, bobs) =
        (logged_in(&app, "ada").await, logged_in(&app, "ada").await, logged_in(&app, "bob").await);
    assert_eq!(with(app.post("/no-account"), &laptop).await.status(), 204);
    assert_eq!((status(&app, &laptop).await, status(&app, &phone).await), (401, 401));
    assert_eq!((status(&app, &bobs).await, store.len()), (200, 1));
}

#[tokio::test]
async fn a_changed_password_ends_all_sessions_but_the_new_one() {
    let (app, _) = with_store().await;
    let (mine, stolen) = (logged_in(&app, "ada").await, logged_in(&app, "ada").await);
    let new = pair(&with(app.post("/password"), &mine).await);
    assert_eq!((status(&app, &mine).await, status(&app, &stolen).await, status(&app, &new).await), (401, 401, 200));
}

#[tokio::test]
async fn ending_what_is_in_cookies_is_an_error_and_not_silently_nothing() {
    let app = without_store().await;
    let cookie = logged_in(&app, "ada").await;
    assert_eq!(code(&with(app.post("/no-account"), &cookie).await), (500, "internal".to_owned()));
}

#[tokio::test]
async fn an_oversized_cookie_is_neither_set_nor_read() {
    let app = without_store().await;
    let login = |note: usize| app.post("/session").json(&json!({ "name": "ada", "note": "x".repeat(note) })).send();
    let fits = login(2_900).await;
    let cookie = pair(&fits);
    assert!((3_900..=4_096).contains(&cookie.len()), "{}", cookie.len());
    assert_eq!(status(&app, &cookie).await, 200);
    let answer = login(3_100).await;
    assert_eq!(code(&answer), (500, "internal".to_owned()));
    assert!(!answer.headers().contains("set-cookie"));
    let line = app.logged().pop().unwrap().detail.unwrap();
    assert!(line.contains("of which browsers keep 4096: keep it in a store"), "{line}");
    for length in [4_096, 100_000, 1_000_000] {
        assert_eq!(status(&app, &format!("__Host-session={}", "A".repeat(length))).await, 401);
    }
    let (app, _) = with_store().await;
    let answer = app.post("/session").json(&json!({ "name": "ada", "note": "x".repeat(100_000) })).send().await;
    assert_eq!(status(&app, &pair(&answer)).await, 200, "a store takes it");
}

#[tokio::test]
async fn cookie_injection_names_that_only_resemble_the_prefix_are_not_read() {
    let (app, _) = with_store().await;
    let cookie = logged_in(&app, "m").await;
    let value = cookie.split_once('=').unwrap().1;
    // What a sibling domain, or the network, can put into the browser of another.
    for injected in [
        format!("session={value}"),
        format!("__host-session={value}"),
        format!("__HOST-SESSION={value}"),
        format!("__Secure-session={value}"),
        format!("__Host-Session={value}"),
        format!("__Host-session ={value}"),
        format!("=__Host-session={value}"),
        format!("\u{2000}__Host-session={value}"),
        format!("\u{a0}__Host-session={value}"),
        format!("%5F_Host-session={value}"),
        format!("$Version=1; a=\"; __Host-sessio={value}\""),
        format!("a=b,__Host-session={value}"),
    ] {
        let answer = with(app.get("/me"), &injected).await;
        assert_eq!(answer.status(), 401, "{injected}");
    }
}

#[tokio::test]
async fn cookie_injection_two_of_one_name_are_refused() {
    let (app, _) = with_store().await;
    let (hers, his) = (logged_in(&app, "ada").await, logged_in(&app, "m").await);
    for pair in [format!("{his}; {hers}"), format!("{hers}; {his}"), format!("{hers}; {hers}")] {
        assert_eq!(code(&with(app.get("/me"), &pair).await), (400, "malformed_credentials".to_owned()));
    }
    // HTTP/2 splits the header: that is one list still.
    let answer = app.get("/me").header("cookie", &his).header("cookie", &hers).send().await;
    assert_eq!(answer.status(), 400);
    let answer = app.get("/me").header("cookie", "a=1").header("cookie", &hers).send().await;
    assert_eq!(answer.status(), 200);
    // Who is in that state can log in.
    let both = format!("{his}; {hers}");
    let answer = app.post("/session").header("cookie", &both).json(&json!({ "name": "ada" })).send().await;
    assert_eq!(status(&app, &pair(&answer)).await, 200);
}

#[tokio::test]
async fn csrf_a_request_of_another_site_bears_no_session() {
    for app in [with_store().await.0, without_store().await] {
        let cookie = logged_in(&app, "ada").await;
        let own = ["same-origin", "none"].map(|site| vec![("sec-fetch-site", site)]);
        let old = vec![("origin", "https://shop.example"), ("host", "shop.example")];
        for headers in own.into_iter().chain([old, vec![]]) {
            let request = headers.iter().fold(app.post("/me"), |request, (name, value)| request.header(name, value));
            assert_eq!(with(request, &cookie).await.status(), 200, "{headers:?}");
        }
        for headers in [
            vec![("sec-fetch-site", "cross-site")],
            vec![("sec-fetch-site", "same-site"), ("origin", "https://blog.shop.example"), ("host", "shop.example")],
            vec![("origin", "https://evil.example"), ("host", "shop.example")],
            vec![("origin", "https://shop.example.evil.example"), ("host", "shop.example")],
            vec![("origin", "null"), ("host", "shop.example")],
        ] {
            let request = headers.iter().fold(app.post("/me"), |request, (name, value)| request.header(name, value));
            // As a form, which browsers send without asking.
            let request = request.body("application/x-www-form-urlencoded", "a=b");
            assert_eq!(code(&with(request, &cookie).await), (403, "cross_site_request".to_owned()), "{headers:?}");
            let request = headers.iter().fold(app.get("/me"), |request, (name, value)| request.header(name, value));
            assert_eq!(with(request, &cookie).await.status(), 200, "a link to the app is followed");
            let request =
                headers.iter().fold(app.post("/session"), |request, (name, value)| request.header(name, value));
            let answer = request.json(&json!({ "name": "m" })).send().await;
            assert_eq!(code(&answer).0, 403, "nobody is logged in as somebody else from outside");
            assert!(!answer.headers().contains("set-cookie"));
            let request =
                headers.iter().fold(app.post("/no-session"), |request, (name, value)| request.header(name, value));
            assert_eq!(code(&with(request, &cookie).await).0, 403, "nor logged out");
        }
        assert_eq!(status(&app, &cookie).await, 200);
    }
}

#[tokio::test]
async fn a_front_end_of_another_origin_is_trusted_where_the_app_says_so() {
    let sessions = CookieSessions::in_cookie(keys()).same_site(SameSite::None).trust_origin("https://app.example");
    let app = running(sessions).await;
    let cookie = logged_in(&app, "ada").await;
    let from = |origin: &'static str| {
        with(app.post("/me").header("origin", origin).header("sec-fetch-site", "cross-site"), &cookie)
    };
    assert_eq!(from("https://app.example").await.status(), 200);
    assert_eq!(from("https://app.example.evil.example").await.status(), 403);
    assert_eq!(from("http://app.example").await.status(), 403);
}

#[tokio::test]
async fn a_session_in_a_store_names_its_user() {
    let (app, store) = with_store().await;
    let answer = app.post("/session").json(&json!({ "name": "nobody" })).send().await;
    assert_eq!((code(&answer).0, store.len()), (500, 0));
    let line = app.logged().pop().unwrap().detail.unwrap();
    assert!(line.contains("`Claims::with_subject`"), "{line}");
}

#[tokio::test]
async fn a_message_sets_no_cookie() {
    let (app, store) = with_store().await;
    app.queue("logins", &json!({ "name": "ada" })).await.unwrap_err();
    assert!(store.is_empty());
}

/// A store that is down, or lies.
#[derive(Debug)]
struct Broken {
    gives: Option<StoredSession>,
}

impl SessionStore for Broken {
    fn load<'a>(&'a self, _: &'a SessionKey, _: u64) -> BoxFuture<'a, Result<Option<StoredSession>, BoxError>> {
        let found = self.gives.clone().map(Some).ok_or_else(|| "the password is hunter2".into());
        Box::pin(std::future::ready(found))
    }

    fn save<'a>(&'a self, _: &'a SessionKey, _: &'a StoredSession) -> BoxFuture<'a, Result<(), BoxError>> {
        let saved = if self.gives.is_some() { Ok(()) } else { Err("the password is hunter2".into()) };
        Box::pin(std::future::ready(saved))
    }

    fn touch<'a>(&'a self, _: &'a SessionKey, _: u64, _: u64) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn remove<'a>(&'a self, _: &'a SessionKey) -> BoxFuture<'a, Result<(), BoxError>> {
        let removed = if self.gives.is_some() { Ok(()) } else { Err("the password is hunter2".into()) };
        Box::pin(std::future::ready(removed))
    }

    fn remove_user<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<(), BoxError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

#[tokio::test]
async fn a_store_that_is_down_lets_nobody_in_and_tells_nobody_why() {
    let cookie = logged_in(&with_store().await.0, "ada").await;
    let app = running(CookieSessions::in_store(keys(), Broken { gives: None })).await;
    let calls = [
        with(app.get("/me"), &cookie).await,
        with(app.get("/"), &cookie).await,
        app.post("/session").json(&json!({ "name": "ada" })).send().await,
        with(app.post("/no-session"), &cookie).await,
    ];
    for answer in calls {
        assert_eq!(code(&answer), (503, "authentication_unavailable".to_owned()));
        assert!(!answer.text().contains("hunter2") && !answer.headers().contains("set-cookie"));
    }
    assert_eq!(app.get("/me").send().await.status(), 401, "who has no cookie does not wait for it");
}

#[tokio::test]
async fn a_store_that_gives_what_has_ended_is_not_believed() {
    let cookie = logged_in(&with_store().await.0, "ada").await;
    for (ends_ms, expected) in [(NEW_YEAR_2026_MS + 1, 200), (NEW_YEAR_2026_MS, 401)] {
        let claims = Claims::new(json!({ "name": "ada" })).with_subject("ada");
        let gives = Some(StoredSession { claims, created_ms: 0, ends_ms, expires_ms: ends_ms });
        let app = running(CookieSessions::in_store(keys(), Broken { gives })).await;
        assert_eq!(status(&app, &cookie).await, expected);
    }
}
