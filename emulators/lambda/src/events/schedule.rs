//! Schedules and the events of an event bus.

use super::{ACCOUNT, REGION};
use crate::clock::Moment;
use pikku_manifest::{Cron, EventPattern};
use serde_json::{Value, json};

type Made = Vec<(&'static str, String, Value)>;

/// Both services that can run a schedule: a rule of EventBridge, and EventBridge Scheduler.
pub(super) fn cron(cron: &Cron, now: &Moment) -> Made {
    let name = cron.source.name().unwrap_or("example").to_owned();
    let rule = format!("arn:aws:events:{REGION}:{ACCOUNT}:rule/{name}");
    let schedule = format!("arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/default/{name}");
    vec![
        ("scheduler", name.clone(), scheduled("aws.scheduler", &schedule, &json!("{}"), now)),
        ("schedule", name, scheduled("aws.events", &rule, &json!({}), now)),
    ]
}

fn scheduled(source: &str, resource: &str, detail: &Value, now: &Moment) -> Value {
    json!({
        "version": "0",
        "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
        "detail-type": "Scheduled Event",
        "source": source,
        "account": ACCOUNT,
        "time": now.rfc3339(),
        "region": REGION,
        "resources": [resource],
        "detail": detail,
    })
}

/// An event that the pattern takes.
pub(super) fn event(pattern: &EventPattern, input: Option<&Value>, now: &Moment) -> Made {
    let source = pattern.sources.first().map_or("example", String::as_str);
    let detail_type = pattern.detail_types.first().map_or("Example", String::as_str);
    let event = json!({
        "version": "0",
        "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
        "detail-type": detail_type,
        "source": source,
        "account": ACCOUNT,
        "time": now.rfc3339(),
        "region": REGION,
        "resources": [],
        "detail": input.cloned().unwrap_or_else(|| json!({})),
    });
    vec![("eventbridge", format!("{source} {detail_type}"), event)]
}
