use crate::error::Finding;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZoneDatabase;
use pikku_manifest::{Cron, EventPattern, Group, Location, Manifest, Source, Wiring, WiringKind};

/// SQS hands over at most 10 messages of a FIFO queue at once; other platforms take no more either.
const MAX_FIFO_BATCH: u32 = 10;

pub(super) fn check(manifest: &Manifest, findings: &mut Vec<Finding>) {
    let mut schedules: Vec<(&str, &Location)> = Vec::new();
    for group in &manifest.groups {
        for (index, wiring) in group.wirings.iter().enumerate() {
            let at = Some(&wiring.location);
            let is_http = matches!(wiring.kind, WiringKind::Http(_));
            if !is_http && let Some(first) = group.wirings[..index].iter().find(|other| other.id == wiring.id) {
                findings.push(Finding::new(
                    "PK0203",
                    at,
                    format!("`{}` is wired twice in group `{}` (first at {})", wiring.id, group.name, place(first)),
                    "a source calls one function of a group: remove one wiring, or call one function from the other",
                ));
            }
            if manifest.function(&wiring.function).is_none() {
                findings.push(Finding::new(
                    "PK0212",
                    at,
                    format!("`{}` is wired to the function `{}`, which is not described", wiring.id, wiring.function),
                    "put `#[pikku::function]` on it",
                ));
            }
            match &wiring.kind {
                WiringKind::Cron(cron) => {
                    schedule(cron, wiring, findings);
                    if let Source::Named(name) = &cron.source {
                        match schedules.iter().find(|(other, _)| other == name) {
                            Some((_, first)) => findings.push(Finding::new(
                                "PK0207",
                                at,
                                format!("the schedule `{name}` exists already ({}:{})", first.file, first.line),
                                "give each schedule a name of its own",
                            )),
                            None => schedules.push((name, &wiring.location)),
                        }
                    }
                }
                WiringKind::Queue(queue) if queue.batch == 0 || (queue.fifo && queue.batch > MAX_FIFO_BATCH) => {
                    findings.push(Finding::new(
                        "PK0209",
                        at,
                        format!("`{}` asks for batches of {}", wiring.id, queue.batch),
                        format!(
                            "a batch has at least 1 message, and at most {MAX_FIFO_BATCH} where the queue keeps their order"
                        ),
                    ));
                }
                WiringKind::Event(event) => overlap(event, wiring, group, index, findings),
                _ => {}
            }
        }
    }
}

fn schedule(cron: &Cron, wiring: &Wiring, findings: &mut Vec<Finding>) {
    if cron.source == Source::Any && cron.expression.is_empty() {
        return;
    }
    let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
    if let Err(error) = parser.parse(&cron.expression) {
        findings.push(Finding::new(
            "PK0205",
            Some(&wiring.location),
            format!("`{}` is no cron expression: {error}", cron.expression),
            "write minute, hour, day of month, month and day of week, such as `0 3 * * 1-5`",
        ));
    }
    if !is_time_zone(&cron.time_zone) {
        findings.push(Finding::new(
            "PK0206",
            Some(&wiring.location),
            format!("`{}` is no time zone", cron.time_zone),
            "use a name of the IANA database, such as `Europe/Berlin` or `UTC`",
        ));
    }
}

/// Whether this is a name of the IANA database, spelt as it is there.
fn is_time_zone(name: &str) -> bool {
    let zone = TimeZoneDatabase::bundled().get(name);
    zone.is_ok_and(|zone| zone.iana_name() == Some(name) && !zone.is_unknown())
}

/// Two patterns of a group that take the same event would leave it open which function is called.
fn overlap(event: &EventPattern, wiring: &Wiring, group: &Group, index: usize, findings: &mut Vec<Finding>) {
    for other in &group.wirings[..index] {
        let WiringKind::Event(earlier) = &other.kind else { continue };
        let same_bus = event.source == Source::Any || earlier.source == Source::Any || event.source == earlier.source;
        if other.id != wiring.id
            && same_bus
            && meet(&event.sources, &earlier.sources)
            && meet(&event.detail_types, &earlier.detail_types)
        {
            findings.push(Finding::new(
                "PK0210",
                Some(&wiring.location),
                format!("`{}` takes events that `{}` ({}) takes as well", wiring.id, other.id, place(other)),
                "narrow one of the patterns by source or detail type, or wire one of the functions in another group",
            ));
        }
    }
}

/// Whether two lists have a value in common; an empty one has every value.
fn meet(one: &[String], other: &[String]) -> bool {
    one.is_empty() || other.is_empty() || one.iter().any(|value| other.contains(value))
}

fn place(wiring: &Wiring) -> String {
    format!("{}:{}", wiring.location.file, wiring.location.line)
}
