//! What a scenario wants and what came, side by side.

use super::{
    PRIVATE,
    octets::{parting, shown},
    scenario::{Ending, Expected, ExpectedAnswer, Scenario},
    target::{Answer, Settled},
};
use std::collections::BTreeMap;

/// What a scenario came to on a target.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) target: &'static str,
    /// What came of each step; why nothing came where the target itself failed.
    pub(super) steps: Result<Vec<Result<Seen, String>>, String>,
    pub(super) log: Vec<String>,
    pub(super) spans: Vec<String>,
}

impl Record {
    pub(super) fn failed(target: &'static str, why: String) -> Self {
        Self { target, steps: Err(why), log: Vec::new(), spans: Vec::new() }
    }
}

/// What came of a step.
#[derive(Clone, Debug)]
pub(super) enum Seen {
    Answers(Vec<Answer>),
    Settled(Vec<Settled>),
}

/// Everything that is not as it should be: between the scenario and each target, and between the first target and the
/// others.
pub(super) fn differences(scenario: &Scenario, records: &[Record]) -> Vec<String> {
    let mut found = Vec::new();
    let mut seen: Vec<(&Record, &[Result<Seen, String>])> = Vec::new();
    for record in records {
        match &record.steps {
            Ok(steps) => seen.push((record, steps)),
            Err(why) => found.push(format!("{}: {why}", record.target)),
        }
    }
    for (index, step) in scenario.steps.iter().enumerate() {
        let mut first: Option<(&str, Vec<&Answer>)> = None;
        for (record, steps) in &seen {
            let place = format!("step {} on {}, {}", index + 1, record.target, step.call);
            match (&steps[index], &step.expected) {
                (Err(why), _) => found.push(format!("{place}: {why}")),
                (Ok(Seen::Answers(answers)), Expected::Answers(expected)) => {
                    let answers = arranged(answers, expected);
                    if answers.len() != expected.len() {
                        found.push(format!("{place}: {} answers to {} requests", answers.len(), expected.len()));
                        continue;
                    }
                    let before = found.len();
                    for (answer, expected) in answers.iter().zip(expected) {
                        let missing = expected.timed.iter().filter(|name| !answer.headers.contains_key(*name));
                        found.extend(missing.map(|name| format!("{place}: it has no header `{name}`")));
                        Wanted::by_the_scenario(expected).compare(answer, &place, &mut found);
                    }
                    match &first {
                        None => first = Some((record.target, answers)),
                        // What the scenario has said of is not said again.
                        Some((from, first)) if before == found.len() => {
                            for ((first, answer), expected) in first.iter().zip(answers).zip(expected) {
                                let (first, answer) = (first.without(&expected.timed), answer.without(&expected.timed));
                                Wanted::all_of(from, &first).compare_all(&answer, &place, &mut found);
                            }
                        }
                        Some(_) => {}
                    }
                }
                (Ok(Seen::Settled(settled)), Expected::Settled(expected)) => {
                    let endings: Vec<Ending> = settled.iter().map(ending).collect();
                    if endings != *expected {
                        found.push(difference(
                            &place,
                            "the outcome",
                            "the scenario",
                            &format!("{expected:?}"),
                            &format!("{settled:?}"),
                        ));
                    }
                }
                (Ok(seen), expected) => found.push(format!("{place}: {seen:?} is not of the kind of {expected:?}")),
            }
            if let Ok(seen) = &steps[index]
                && shows_private(seen)
            {
                found.push(format!("{place}: the answer shows private detail: {seen:?}"));
            }
        }
    }
    for (record, _) in seen {
        let mut wanted = scenario.spans.clone();
        wanted.sort();
        if record.spans != wanted {
            let (wanted, got) = (wanted.join("; "), record.spans.join("; "));
            found.push(difference(record.target, "what was traced", "the scenario", &wanted, &got));
        }
        for text in scenario.logged.iter().filter(|text| !record.log.iter().any(|line| line.contains(*text))) {
            found.push(format!("{}: the log does not hold `{text}`:\n  {}", record.target, record.log.join("\n  ")));
        }
    }
    found
}

fn ending(settled: &Settled) -> Ending {
    match settled {
        Settled::Done => Ending::Done,
        Settled::Failed(_) => Ending::Failed,
    }
}

fn difference(place: &str, what: &str, from: &str, expected: &str, got: &str) -> String {
    format!("{place}: {what} differs\n  expected by {from}: {expected}\n  got: {got}")
}

/// Answers in the order of what is expected: by their status, and otherwise as they came.
fn arranged<'a>(answers: &'a [Answer], expected: &[ExpectedAnswer]) -> Vec<&'a Answer> {
    let mut left: Vec<&Answer> = answers.iter().collect();
    let mut places: Vec<Option<&Answer>> = expected
        .iter()
        .map(|expected| {
            let fits = left.iter().position(|answer| answer.status == expected.status);
            fits.map(|at| left.remove(at))
        })
        .collect();
    let mut left = left.into_iter();
    places.iter_mut().filter(|place| place.is_none()).for_each(|place| *place = left.next());
    places.into_iter().flatten().chain(left).collect()
}

/// An answer that is wanted, and who wants it.
struct Wanted<'a> {
    from: &'a str,
    status: u16,
    headers: &'a BTreeMap<String, Vec<String>>,
    body: Option<&'a [u8]>,
}

impl<'a> Wanted<'a> {
    fn by_the_scenario(expected: &'a ExpectedAnswer) -> Self {
        let ExpectedAnswer { status, headers, body, .. } = expected;
        Self { from: "the scenario", status: *status, headers, body: body.as_deref() }
    }

    fn all_of(from: &'a str, answer: &'a Answer) -> Self {
        Self { from, status: answer.status, headers: &answer.headers, body: Some(&answer.body) }
    }

    /// Compares the status, the headers that are wanted, and the body where one is.
    fn compare(&self, answer: &Answer, place: &str, found: &mut Vec<String>) {
        if answer.status != self.status {
            let body = shown(&answer.body, 0);
            found.push(difference(
                place,
                "the status",
                self.from,
                &self.status.to_string(),
                &format!("{} with the body {body}", answer.status),
            ));
        }
        for (name, values) in self.headers {
            let got = answer.headers.get(name).map_or(&[][..], Vec::as_slice);
            if got != values {
                let what = format!("the header `{name}`");
                found.push(difference(place, &what, self.from, &format!("{values:?}"), &format!("{got:?}")));
            }
        }
        if let Some(body) = self.body
            && answer.body != body
        {
            let at = parting(body, &answer.body);
            found.push(difference(place, "the body", self.from, &shown(body, at), &shown(&answer.body, at)));
        }
    }

    /// The same, and no header may be there that is not wanted.
    fn compare_all(&self, answer: &Answer, place: &str, found: &mut Vec<String>) {
        self.compare(answer, place, found);
        for (name, values) in answer.headers.iter().filter(|(name, _)| !self.headers.contains_key(*name)) {
            let what = format!("the header `{name}`");
            found.push(difference(place, &what, self.from, "none", &format!("{values:?}")));
        }
    }
}

fn shows_private(seen: &Seen) -> bool {
    let shows = |text: &[u8]| text.windows(PRIVATE.len()).any(|part| part == PRIVATE.as_bytes());
    match seen {
        Seen::Answers(answers) => answers.iter().any(|answer| {
            let headers = answer.headers.iter().flat_map(|(name, values)| values.iter().chain([name]));
            shows(&answer.body) || headers.into_iter().any(|text| shows(text.as_bytes()))
        }),
        Seen::Settled(settled) => {
            settled.iter().any(|one| matches!(one, Settled::Failed(told) if shows(told.as_bytes())))
        }
    }
}
