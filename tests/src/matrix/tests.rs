use super::*;

const NAMES: [&str; 2] = ["in-process", "other"];

fn read(text: &str) -> Result<Scenario, String> {
    load::read("file", text, &NAMES).map(|mut scenarios| scenarios.remove(0))
}

fn refused(step: &str) -> String {
    read(&format!("- name: one\n  steps:\n    - {step}\n")).expect_err("a refusal")
}

/// A target whose answers the test chooses: the status is 200, the body the path.
struct Told<const ODD: bool>;

impl<const ODD: bool> Target for Told<ODD> {
    const NAME: &'static str = NAMES[ODD as usize];

    async fn start(_: &Scenario, _: &[Variable]) -> Result<Self, String> {
        Ok(Self)
    }

    async fn http(&self, request: &Request) -> Result<Answer, String> {
        let given =
            |name: &str| request.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        let odd = if ODD { given("odd").unwrap_or_default() } else { String::new() };
        let headers = if odd == "header" { vec![("X-Odd".to_owned(), "1".to_owned())] } else { Vec::new() };
        let status = if odd == "status" { 201 } else { 200 };
        if odd == "panic" {
            panic!("asked to");
        }
        let body = match odd.as_str() {
            "body" => "odd".to_owned(),
            "private" => format!("see {PRIVATE}"),
            _ => request.path.clone(),
        };
        Ok(Answer::new(status, headers, body))
    }

    async fn queue(&self, _: &str, messages: &[Message]) -> Result<Vec<Settled>, String> {
        Ok(messages.iter().map(|_| if ODD { Settled::Failed(PRIVATE.to_owned()) } else { Settled::Done }).collect())
    }

    async fn schedule(&self, _: &str, _: &Time) -> Result<Settled, String> {
        Err("it has no clock".to_owned())
    }

    async fn log(&self) -> Vec<String> {
        vec![format!("a line of {}", Self::NAME)]
    }
}

fn checked(scenario: &str) -> String {
    let scenario = read(scenario).expect("a scenario");
    check(&scenario, &[Entry::of::<Told<false>>(), Entry::of::<Told<true>>()]).err().unwrap_or_default()
}

#[test]
fn what_makes_no_sense_is_refused_by_its_key() {
    let says = |step: &str, key: &str| {
        let why = refused(step);
        assert!(why.contains(key), "{step}: {why}");
    };
    says("http: GET /a\n      colour: red\n      expect: {status: 200}", "colour");
    says("http: GET /a", "expect");
    says("http: GET /a\n      expect: {}", "status");
    says("http: GET /a\n      expect: {status: 200, colour: red}", "colour");
    says("http: GET /a\n      expect: {status: 200, outcome: done}", "outcome");
    says("http: GET /a\n      time: 2026-03-01T03:00:00Z\n      expect: {status: 200}", "time");
    says("http: GET\n      expect: {status: 200}", "http");
    says("http: GET /a b\n      expect: {status: 200}", "space");
    says("http: GET /a\n      queue: a\n      expect: {status: 200}", "queue");
    says("queue: a\n      messages: [{body: '1'}]\n      expect: {outcomes: [done, done]}", "outcomes");
    says("queue: a\n      messages: [{body: '1', attemt: 2}]\n      expect: {outcomes: [done]}", "attemt");
    says("queue: a\n      messages: [{body: '1', caller: {name: b}}]\n      expect: {outcomes: [done]}", "name");
    says("queue: a\n      messages: [{body: '1', caller: {scopes: b}}]\n      expect: {outcomes: [done]}", "session");
    says("http: POST /a\n      caller: {session: b}\n      expect: {status: 200}", "function");
    says("schedule: a\n      caller: {session: b}\n      expect: {outcome: done}", "caller");
    says("queue: a\n      messages: [{body: '1'}]\n      expect: {outcomes: [done], timed: [b]}", "status");
    says("queue: a\n      expect: {outcomes: [done]}", "messages");
    says("schedule: a\n      expect: {outcome: done}", "time");
    says("schedule: a\n      time: soon\n      expect: {outcome: done}", "time");
    says("schedule: a\n      time: 2026-03-01T03:00:00Z\n      expect: {status: 200}", "status");
    says("http: GET /a\n      body: {repeat: a}\n      expect: {status: 200}", "times");
    says("http: GET /a\n      body: {base64: '!'}\n      expect: {status: 200}", "base64");
    says("expect: {status: 200}", "http");
}

#[test]
fn a_scenario_says_why_it_leaves_targets_out() {
    let step = "steps: [{http: GET /a, expect: {status: 200}}]";
    let refused = |more: &str| read(&format!("- name: one\n  {more}\n  {step}\n")).expect_err("a refusal");
    assert!(refused("targets: [other]").contains("because"));
    assert!(refused("because: of this").contains("targets"));
    assert!(refused("targets: [moon]\n  because: of this").contains("moon"));
    assert!(read(&format!("- name: one\n  targets: [other]\n  because: of this\n  {step}\n")).is_ok());
    let twice = format!("- name: one\n  {step}\n- name: one\n  {step}\n");
    assert!(load::read("file", &twice, &NAMES).expect_err("a refusal").contains("twice"));
    assert!(load::read("file", "[]", &NAMES).is_err());
}

#[test]
fn octets_are_put_together() {
    let text = "- name: one\n  steps:\n    - http: [POST /, {repeat: ab, times: 3}]\n      body: [a, {base64: /wA=}]\n      expect: {status: 200}\n";
    let scenario = read(text).expect("a scenario");
    let Call::Http(request) = &scenario.steps[0].call else { panic!("no request") };
    assert_eq!((request.path.as_str(), request.body.as_slice()), ("/ababab", &[b'a', 0xff, 0][..]));
}

#[test]
fn a_difference_shows_both_sides() {
    let differs = |odd: &str, expect: &str, parts: &[&str]| {
        let why = checked(&format!(
            "- name: one\n  steps:\n    - http: GET /a\n      headers: {{odd: {odd}}}\n      expect: {expect}\n"
        ));
        assert!(parts.iter().all(|part| why.contains(part)) && why.is_empty() == parts.is_empty(), "{odd}: {why}");
    };
    differs("none", "{status: 200, body: /a}", &[]);
    differs("status", "{status: 200}", &["step 1 on other, GET /a", "the scenario: 200", "got: 201"]);
    differs("body", "{status: 200, body: /a}", &["other", "by the scenario: /a", "got: odd"]);
    differs("body", "{status: 200}", &["other", "by in-process: /a", "got: odd"]);
    differs("header", "{status: 200, body: /a}", &["other", "`x-odd`", "by in-process: none", "got: [\"1\"]"]);
    differs("none", "{status: 200, headers: {x-odd: '1'}}", &["on in-process", "on other", "`x-odd`"]);
    differs("header", "{status: 200, timed: [x-odd]}", &["on in-process", "no header `x-odd`"]);
    differs("private", "{status: 200}", &["private detail"]);
    differs("panic", "{status: 200}", &["other: it panicked"]);
}

#[test]
fn outcomes_and_logs_are_compared() {
    let why = checked(
        "- name: one\n  logged: [of in-process]\n  steps:\n    - queue: a\n      messages: [{body: '1'}]\n      expect: {outcomes: [done]}\n    - schedule: a\n      time: 2026-03-01T03:00:00Z\n      expect: {outcome: done}\n",
    );
    for part in [
        "step 1 on other, 1 messages of the queue a: the outcome differs",
        "private detail",
        "step 2 on in-process, the schedule a for 2026-03-01T03:00:00Z: it has no clock",
        "other: the log does not hold `of in-process`",
    ] {
        assert!(why.contains(part), "{part} is not in {why}");
    }
    assert!(!why.contains("step 1 on in-process"), "{why}");
}

/// A target without schedules.
struct Without;

impl Target for Without {
    const NAME: &'static str = "without";
    const LACKS: &'static [(Source, &'static str)] = &[(Source::Schedule, "it has no clock")];

    async fn start(_: &Scenario, _: &[Variable]) -> Result<Self, String> {
        Ok(Self)
    }

    async fn http(&self, request: &Request) -> Result<Answer, String> {
        Ok(Answer::new(200, [], request.path.clone()))
    }

    async fn log(&self) -> Vec<String> {
        Vec::new()
    }
}

#[test]
fn what_a_target_lacks_is_said_and_not_passed() {
    let entry = Entry::of::<Without>();
    let step = "{schedule: a, time: 2026-03-01T03:00:00Z, expect: {outcome: done}}";
    let scheduled = read(&format!("- name: one\n  steps: [{step}]\n")).expect("a scenario");
    assert_eq!(entry.leaves_out(&scheduled), Some("it has no clock"));
    // A scenario that names the target is run there all the same, and fails.
    let all = ["without"];
    let named = format!("- name: one\n  targets: [without]\n  because: of this\n  steps: [{step}]\n");
    let named = load::read("file", &named, &all).expect("a scenario").remove(0);
    assert_eq!(entry.leaves_out(&named), None);
    assert!(check(&named, &[entry]).expect_err("a failure").contains("it has no schedule `a`"));
    let asked = read("- name: one\n  steps: [{http: GET /a, expect: {status: 200}}]\n").expect("a scenario");
    assert_eq!(entry.leaves_out(&asked), None);
}

#[test]
fn two_long_bodies_are_shown_where_they_part() {
    let (one, other) = ("a".repeat(5000), format!("{}b{}", "a".repeat(4000), "a".repeat(999)));
    let at = octets::parting(one.as_bytes(), other.as_bytes());
    let shown = octets::shown(other.as_bytes(), at);
    assert!(at == 4000 && shown.contains("ab") && shown.len() < 1000, "{shown}");
}
