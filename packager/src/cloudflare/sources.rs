//! What feeds a group besides HTTP: queues and schedules. All other kinds of sources are refused.

use super::{
    config::Render,
    names, schedule,
    wrangler::{Consumer, Wrangler},
};
use crate::error::Finding;
use pikku_manifest::{Cron, Group, Manifest, Misfire, Overlap, Queue, Source, Wiring, WiringKind};
use std::ops::RangeInclusive;

/// The longest that a failed message can wait for its next try: 12 hours.
const LONGEST_DELAY_S: u32 = 43_200;

/// Whether Workers have sources of a wiring's kind.
pub(crate) fn is_supported(kind: &WiringKind) -> bool {
    matches!(kind, WiringKind::Http(_) | WiringKind::Queue(_) | WiringKind::Cron(_))
}

/// The manifest without the wirings that take any source of a kind which Workers do not have; what was left out.
pub(crate) fn supported(manifest: &Manifest) -> (Manifest, Vec<String>) {
    let (mut reduced, mut notes) = (manifest.clone(), Vec::new());
    for group in &mut reduced.groups {
        let name = &group.name;
        group.wirings.retain(|wiring| {
            let kept = is_supported(&wiring.kind) || matches!(wiring.kind.source(), Some(Source::Named(_)));
            if !kept {
                notes.push(format!(
                    "group `{name}`, wiring `{}`: Workers have no {}, so it is left out",
                    wiring.id,
                    lacking(&wiring.kind)
                ));
            }
            kept
        });
    }
    (reduced, notes)
}

/// What Workers do not have, in words.
fn lacking(kind: &WiringKind) -> &'static str {
    match kind {
        WiringKind::Topic(_) => "topics",
        WiringKind::Bucket(_) => "events of buckets",
        WiringKind::Table(_) => "changes of tables",
        WiringKind::Stream(_) => "streams",
        WiringKind::Event(_) => "event buses",
        WiringKind::WebSocket(_) => "WebSocket APIs yet",
        WiringKind::Http(_) => "HTTP",
        WiringKind::Queue(_) => "queues",
        WiringKind::Cron(_) => "schedules",
    }
}

/// Refuses a queue that two groups consume: Cloudflare takes one consumer for each.
pub(crate) fn check_shared(manifest: &Manifest, findings: &mut Vec<Finding>) {
    let mut seen: Vec<(&str, &Group)> = Vec::new();
    for group in &manifest.groups {
        for wiring in &group.wirings {
            let WiringKind::Queue(Queue { source: Source::Named(name), .. }) = &wiring.kind else { continue };
            match seen.iter().find(|(other, _)| other == name) {
                Some((_, first)) if first.name != group.name => findings.push(Finding::new(
                    "PK0405",
                    Some(&wiring.location),
                    format!(
                        "group `{}`, wiring `{}`: the queue `{name}` already feeds the group `{}`, and it can feed one only",
                        group.name, wiring.id, first.name
                    ),
                    "let one group consume the queue, and send to a second queue what the other one wants",
                )),
                _ => seen.push((name, group)),
            }
        }
    }
}

/// Adds what the wirings of a group ask for. Answers the physical names of their sources by the wirings' ids.
pub(crate) fn wire(render: &mut Render<'_, '_>, config: &mut Wrangler) -> Vec<(String, String)> {
    let mut sources = Vec::new();
    for wiring in &render.group.wirings {
        let mut wire = Wire { render: &mut *render, config: &mut *config, wiring };
        let fed = match &wiring.kind {
            WiringKind::Http(_) => None,
            WiringKind::Queue(queue) => wire.queue(queue),
            WiringKind::Cron(cron) => wire.cron(cron),
            kind => {
                let message = format!("Workers have no {}", lacking(kind));
                wire.refuse(
                    "PK0401",
                    &message,
                    "wire the function to a queue, a schedule or a route, or package the group \
                                                 for another target with --group",
                );
                None
            }
        };
        sources.extend(fed.map(|name| (wiring.id.clone(), name)));
    }
    sources
}

struct Wire<'w, 'r, 'm> {
    render: &'w mut Render<'r, 'm>,
    config: &'w mut Wrangler,
    wiring: &'w Wiring,
}

impl Wire<'_, '_, '_> {
    fn refuse(&mut self, code: &'static str, message: &str, fix: &str) {
        let message = format!("group `{}`, wiring `{}`: {message}", self.render.group.name, self.wiring.id);
        self.render.findings.push(Finding::new(code, Some(&self.wiring.location), message, fix));
    }

    fn note(&mut self, text: &str) {
        let text = format!("wiring `{}`: {text}", self.wiring.id);
        self.render.note(text);
    }

    fn limit(&mut self, name: &str, value: u32, allowed: RangeInclusive<u32>) {
        if !allowed.contains(&value) {
            let allowed = format!("{} to {}", allowed.start(), allowed.end());
            let message = format!("the {name} is {value}, and Cloudflare takes {allowed}");
            self.refuse("PK0404", &message, &format!("choose a {name} of {allowed}"));
        }
    }

    fn queue(&mut self, queue: &Queue) -> Option<String> {
        let Source::Named(logical) = &queue.source else {
            self.note("it takes any queue, so the configuration names none for it");
            return None;
        };
        if queue.fifo {
            self.refuse(
                "PK0404",
                "it keeps the order of its messages, which Cloudflare's queues do not",
                "leave `fifo` away where the order does not matter, or package the group for another target with --group",
            );
            return None;
        }
        self.limit("batch", queue.batch, 1..=100);
        self.limit("batch window", queue.batch_window_s, 0..=60);
        self.limit("number of retries", queue.retries, 0..=100);
        queue.concurrency.into_iter().for_each(|concurrency| self.limit("concurrency", concurrency, 1..=250));
        queue.retry_delay_s.into_iter().for_each(|delay| self.limit("retry delay", delay, 0..=LONGEST_DELAY_S));
        if queue.visibility_timeout_s.is_some() {
            self.note(
                "its visibility timeout has no meaning on Workers: a message is away until its batch has been handled",
            );
        }
        let name = self.render.physical("queue", logical);
        let dead_letter_queue = names::dead_letters(&name);
        self.render.check_name("dead-letter queue", &dead_letter_queue);
        for queue in [&name, &dead_letter_queue] {
            self.render.setup.insert(format!("wrangler queues create {queue}"));
        }
        self.config.queues.consumers.push(Consumer {
            queue: name.clone(),
            max_batch_size: queue.batch,
            max_batch_timeout: queue.batch_window_s,
            max_retries: queue.retries,
            dead_letter_queue,
            max_concurrency: queue.concurrency,
            retry_delay: queue.retry_delay_s,
        });
        Some(name)
    }

    fn cron(&mut self, cron: &Cron) -> Option<String> {
        if cron.source == Source::Any {
            self.note("it takes any schedule, so the configuration names none for it");
            return None;
        }
        if cron.overlap != Overlap::Allow {
            self.note(
                "a cron trigger fires whatever became of the run before, so runs may overlap in spite of the wiring",
            );
        }
        if cron.misfire != Misfire::Once {
            self.note("what a cron trigger missed is not made up for, whatever the wiring's misfire policy says");
        }
        if !schedule::is_utc(&cron.time_zone) {
            let message =
                format!("its schedule is in the time zone `{}`, and cron triggers fire in UTC alone", cron.time_zone);
            self.refuse(
                "PK0402",
                &message,
                "write the hours in UTC; where daylight saving matters, run it at both hours and \
                                             let the function look at the clock",
            );
            return None;
        }
        let trigger = match schedule::to_trigger(&cron.expression) {
            Ok(trigger) => trigger,
            Err(problem) => {
                let message = format!("the schedule `{}` has no equal among cron triggers: {problem}", cron.expression);
                self.refuse(
                    "PK0402",
                    &message,
                    "wire the function twice, once for the days of the month and once for the days \
                                                 of the week, and write the days instead of a step",
                );
                return None;
            }
        };
        if self.config.triggers.crons.contains(&trigger) {
            let message =
                format!("another schedule of the group fires at `{trigger}` as well, and the event does not say which");
            self.refuse(
                "PK0403",
                &message,
                "call both functions from one, move one wiring to another group, or shift one of the \
                                             schedules by a minute",
            );
            return None;
        }
        self.config.triggers.crons.push(trigger.clone());
        Some(trigger)
    }
}
