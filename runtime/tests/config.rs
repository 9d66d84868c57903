//! Settings: read and checked before the first call, and everything that is wrong told at once.

use pikku::{
    App, AuthError, Claims, Group, Need, Secret, Service,
    http::get,
    testing::{TestApp, TestAppBuilder},
};
use std::{convert::Infallible, fmt, str::FromStr};

/// A level between 1 and 3.
#[derive(Debug, PartialEq)]
struct Level(u8);

#[derive(Debug)]
struct NoLevel;

impl fmt::Display for NoLevel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a level is 1, 2 or 3")
    }
}

impl FromStr for Level {
    type Err = NoLevel;

    fn from_str(text: &str) -> Result<Self, NoLevel> {
        match text.parse() {
            Ok(level @ 1..=3) => Ok(Self(level)),
            _ => Err(NoLevel),
        }
    }
}

#[derive(pikku::Config)]
struct Settings {
    #[pikku(default = 20)]
    page_size: u32,
    #[pikku(variable = "TOKEN_ISSUER", default = "https://id.example")]
    issuer: String,
    level: Level,
    banner: Option<String>,
    #[pikku(variable = "LIMIT")]
    most: Option<u16>,
    session_keys: Secret<String>,
    #[pikku(secret = "shop/pin")]
    pin: Option<Secret<u32>>,
}

/// Other settings, so that there are two services that can fail.
#[derive(pikku::Config)]
struct Others {
    region: String,
}

#[pikku::function(public)]
async fn show(settings: &Settings, others: &Others) -> Result<String, Infallible> {
    let Settings { page_size, issuer, level, banner, most, session_keys, pin } = settings;
    let (keys, pin) = (session_keys.expose().len(), pin.as_ref().map(|pin| pin.expose() % 10));
    Ok(format!("{page_size} {issuer} {level:?} {banner:?} {most:?} {keys} {pin:?} {}", others.region))
}

#[derive(Group)]
struct Shown;

fn prepared(variables: &[(&str, &str)]) -> TestAppBuilder {
    let app = App::new().group::<Shown>(|g| g.http::<show>(get("/")));
    variables.iter().fold(TestApp::prepare(app), |app, (name, value)| app.variable(name, value))
}

async fn shown(variables: &[(&str, &str)]) -> String {
    prepared(variables).start().await.get("/").send().await.json()
}

async fn mistakes(variables: &[(&str, &str)]) -> String {
    prepared(variables).try_start().await.expect_err("something is wrong").to_string()
}

const LEAST: [(&str, &str); 3] = [("LEVEL", "2"), ("SESSION_KEYS", "0123456789"), ("REGION", "eu")];

#[tokio::test]
async fn settings_are_read_by_their_types() {
    assert_eq!(shown(&LEAST).await, "20 https://id.example Level(2) None None 10 None eu");
    let all = [
        ("PAGE_SIZE", " 50\n"),
        ("TOKEN_ISSUER", "https://other.example"),
        ("BANNER", "a sale"),
        ("LIMIT", "7"),
        ("SHOP_PIN", "7351"),
    ];
    let expected = "50 https://other.example Level(2) Some(\"a sale\") Some(7) 10 Some(1) eu";
    assert_eq!(shown(&[&LEAST[..], &all].concat()).await, expected);
    // What is empty is not set.
    let empty = ["PAGE_SIZE", "TOKEN_ISSUER", "BANNER", "LIMIT", "SHOP_PIN"].map(|name| (name, ""));
    assert_eq!(shown(&[&LEAST[..], &empty].concat()).await, shown(&LEAST).await);
}

#[tokio::test]
async fn every_mistake_is_told_at_once_and_before_the_first_call() {
    assert_eq!(
        mistakes(&[]).await,
        "the service `Settings` could not be built: LEVEL is not set; the secret `session-keys` is not set; the service \
         `Others` could not be built either: REGION is not set"
    );
    let wrong = [("PAGE_SIZE", "many"), ("LEVEL", "4"), ("LIMIT", "-1"), ("REGION", "eu"), ("SESSION_KEYS", "k")];
    assert_eq!(
        mistakes(&wrong).await,
        "the service `Settings` could not be built: PAGE_SIZE is `many`: invalid digit found in string; LEVEL is `4`: a \
         level is 1, 2 or 3; LIMIT is `-1`: invalid digit found in string"
    );
}

#[tokio::test]
async fn a_secret_is_not_told_with_what_is_wrong() {
    let told = mistakes(&[&LEAST[..], &[("SHOP_PIN", "plantedsecret7Qx")]].concat()).await;
    assert_eq!(
        told,
        "the service `Settings` could not be built: the secret `shop/pin` is not of the form that it should have"
    );
}

#[test]
fn settings_are_needs_of_their_service() {
    assert_eq!(
        Settings::NEEDS,
        [
            Need::OptionalVariable("PAGE_SIZE"),
            Need::OptionalVariable("TOKEN_ISSUER"),
            Need::Variable("LEVEL"),
            Need::OptionalVariable("BANNER"),
            Need::OptionalVariable("LIMIT"),
            Need::ReadSecret("session-keys"),
            Need::ReadSecret("shop/pin"),
        ]
    );
}

#[tokio::test]
async fn a_test_gives_settings_by_value() {
    let settings = Settings {
        page_size: 1,
        issuer: "me".into(),
        level: Level(1),
        banner: None,
        most: None,
        session_keys: Secret::new("k".into()),
        pin: None,
    };
    let app = prepared(&[]).with(settings).with(Others { region: "test".into() }).start().await;
    assert_eq!(app.get("/").send().await.json::<String>(), "1 me Level(1) None None 1 None test");
}

/// What asks for settings in turn.
struct Report(String);

#[pikku::service(needs = [Need::ReadParameter("shop/region")])]
fn report(others: &Others) -> Report {
    Report(others.region.clone())
}

#[pikku::function(session)]
async fn told(report: &Report) -> Result<String, Infallible> {
    Ok(report.0.clone())
}

#[pikku::authenticator]
async fn caller(settings: &Settings, _: &pikku::Call) -> Result<Option<Claims>, AuthError> {
    Ok((!settings.session_keys.expose().is_empty()).then(|| Claims::new("ada".into())))
}

#[test]
fn the_manifest_says_what_each_function_reads_through_its_services() {
    let app = App::<pikku::All>::new().authenticate::<caller>();
    let app = app.group::<Shown>(|g| g.http::<show>(get("/")).http::<told>(get("/told")));
    let manifest = pikku::introspect::manifest_of(app);
    let shown = &manifest.function("show").unwrap().reads;
    assert_eq!(shown.secrets, ["session-keys", "shop/pin"]);
    assert_eq!(shown.variables, ["BANNER", "LEVEL", "LIMIT", "PAGE_SIZE", "REGION", "TOKEN_ISSUER"]);
    let told = &manifest.function("told").unwrap().reads;
    assert_eq!(
        (&told.secrets[..], &told.parameters[..], &told.variables[..]),
        (&[][..], &["shop/region".to_owned()][..], &["REGION".to_owned()][..])
    );
    // What reads the session is no part of the function; it reads for itself.
    let wiring = manifest.groups[0].wirings.iter().find(|wiring| wiring.function == "told").unwrap();
    assert_eq!(wiring.layers[0].reads.secrets, ["session-keys", "shop/pin"]);
    assert_eq!(manifest.reads_of(&manifest.groups[0]).secrets, ["session-keys", "shop/pin"]);
}

#[test]
fn the_packager_knows_who_asks_for_secrets_while_it_runs() {
    let name = std::any::type_name::<pikku::service::Secrets>();
    assert_eq!(name, "pikku::service::secrets::Secrets", "the packager tells them by this name");
}
