use super::*;

const KNOWN: &[&str] = &["BANNER", "LIMIT", "PAGE_SIZE", "RATIO", "STRICT"];

fn wanted(target: &'static str, stage: Option<&'static str>) -> Wanted<'static> {
    Wanted { target, stage, variables: Some(KNOWN), secrets: &["session-keys", "shop/pin"] }
}

fn told(text: &str, wanted: Wanted<'_>) -> Vec<String> {
    Settings::parse("pikku.toml", text, wanted).expect_err("it is refused").lines().collect()
}

const FILE: &str = r#"
[settings]
PAGE_SIZE = 0x32
RATIO = 0.5
STRICT = true
BANNER = "a sale"

[targets.lambda]
PAGE_SIZE = 20

[stages.production]
PAGE_SIZE = 1_000
LIMIT = -7

[stages.test]
BANNER = ""
"#;

#[test]
fn a_stage_goes_before_a_target_and_both_before_all() {
    let read = |target, stage| {
        let settings = Settings::parse("pikku.toml", FILE, wanted(target, stage)).expect("settings");
        (settings.get("PAGE_SIZE").map(str::to_owned), settings.place("PAGE_SIZE"), settings.iter().count())
    };
    let is = |text: &str, line: u32, count| (Some(text.to_owned()), Some(format!("pikku.toml:{line}")), count);
    assert_eq!(read("server", None), is("50", 3, 4));
    assert_eq!(read("lambda", None), is("20", 9, 4));
    assert_eq!(read("lambda", Some("production")), is("1000", 12, 5));
    assert_eq!(read("azure", Some("test")), is("50", 3, 4));
}

#[test]
fn values_become_the_texts_of_variables() {
    let settings = Settings::parse("pikku.toml", FILE, wanted("server", Some("production"))).expect("settings");
    let all: Vec<(&str, &str)> = settings.iter().collect();
    let expected = [("BANNER", "a sale"), ("LIMIT", "-7"), ("PAGE_SIZE", "1000"), ("RATIO", "0.5"), ("STRICT", "true")];
    assert_eq!(all, expected);
    assert_eq!((settings.get("absent"), settings.place("absent")), (None, None));
    assert!(!format!("{settings:?}").contains("a sale"));
}

#[test]
fn everything_wrong_is_told_at_once_with_its_line() {
    let text = r#"
title = "shop"
stages = 7

[settings]
PAGE_SIZES = 1
page-size = 2
NOBODY = "x"
SESSION_KEYS = "plantedsecret7Qx"
"shop/pin" = 1234
PIKKU_ADDRESS = "0.0.0.0:80"
LIMIT = [1]
BANNER = { text = "x" }
RATIO = 2026-01-01

[targets.heroku]
STRICT = false

[targets]
lambda = true
"#;
    let mut no_stage = wanted("server", Some("production"));
    no_stage.variables = Some(&["BANNER", "LIMIT", "PAGE_SIZE", "RATIO", "STRICT"]);
    let secret = "which no file of settings holds: files are copied, printed and committed; put a new one where the platform \
                  keeps secrets";
    let kinds = "a setting is a text, a number or true or false";
    assert_eq!(
        told(
            &text.replace("[targets.heroku]\nSTRICT = false\n\n[targets]\n", "[targets]\nheroku.STRICT = false\n"),
            no_stage
        ),
        [
            "pikku.toml: it has no table `stages.production`, which is asked for".to_owned(),
            "pikku.toml:2: title: there are only the tables `settings`, `targets` and `stages`".to_owned(),
            "pikku.toml:3: stages: it is a table: write it as `[settings]`".to_owned(),
            "pikku.toml:6: PAGE_SIZES: nothing of the app reads it; is it `PAGE_SIZE`?".to_owned(),
            "pikku.toml:7: page-size: nothing of the app reads it; is it `PAGE_SIZE`?".to_owned(),
            "pikku.toml:8: NOBODY: nothing of the app reads it: it reads BANNER, LIMIT, PAGE_SIZE, RATIO, STRICT"
                .to_owned(),
            format!("pikku.toml:9: SESSION_KEYS: it is the secret `session-keys`, {secret}"),
            format!("pikku.toml:10: shop/pin: it is the secret `shop/pin`, {secret}"),
            "pikku.toml:11: PIKKU_ADDRESS: it is the server's own: set it as a variable of the environment".to_owned(),
            format!("pikku.toml:12: LIMIT: it is of the type array: {kinds}"),
            format!("pikku.toml:13: BANNER: it is of the type table: {kinds}"),
            format!("pikku.toml:14: RATIO: it is of the type datetime: {kinds}"),
            "pikku.toml:17: heroku: there is no such target: there are lambda, cloudflare, azure, server".to_owned(),
            "pikku.toml:18: lambda: it is a table of settings".to_owned(),
        ]
    );
}

#[test]
fn what_is_no_toml_is_told_with_each_line_and_without_values() {
    let told = told("[settings]\nPAGE_SIZE = plantedsecret7Qx\nPAGE_SIZE = 1\nLIMIT = \n", wanted("server", None));
    assert!(told.len() >= 2 && told.iter().all(|line| line.contains("it is no TOML")), "{told:?}");
    assert!(told[0].starts_with("pikku.toml:2: "), "{told:?}");
    assert!(!told.join("").contains("plantedsecret7Qx"), "{told:?}");
}

#[test]
fn where_the_app_is_not_known_every_name_may_be_one() {
    let unknown = Wanted { variables: None, secrets: &[], ..wanted("server", None) };
    let settings = Settings::parse("pikku.toml", "[settings]\nANY = 1", unknown).expect("settings");
    assert_eq!(settings.get("ANY"), Some("1"));
    assert!(Settings::parse("pikku.toml", "", unknown).expect("settings").iter().next().is_none());
}

#[test]
fn a_file_that_cannot_be_read_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("pikku.toml");
    let read = || Settings::read(&path, wanted("server", None)).expect_err("it is refused").to_string();
    assert!(read().contains("pikku.toml: it cannot be read: No such file"), "{}", read());
    std::fs::write(&path, [b'#'; 256 * 1_024 + 1]).expect("a file");
    assert!(read().ends_with("it is larger than 256 KiB"));
    std::fs::write(&path, [0xff, 0xfe]).expect("a file");
    assert!(read().ends_with("it is no UTF-8"));
    std::fs::write(&path, "[settings]\nLIMIT = 7\n").expect("a file");
    let settings = Settings::read(&path, wanted("server", None)).expect("settings");
    assert!(settings.place("LIMIT").is_some_and(|place| place.ends_with("pikku.toml:2")));
}
