//! Events of Event Grid, in both of its schemas.

use super::{Deliveries, Delivery, Invoked};
use crate::invocation::{Failure, Members, part, string};
use pikku::{call::BusEvent, dispatch::Arrival};
use serde_json::{Value, value::RawValue};
use std::borrow::Cow;

pub(super) fn read(invoked: &Invoked<'_>) -> Result<Deliveries, Failure> {
    let mut of = Vec::new();
    each(invoked, |json| {
        let event = event(json)?;
        let arrival = |source| Arrival::Event { source, detail_type: &event.detail_type };
        // A pattern names a topic, and the event its whole resource id.
        let topic = event.source.rsplit('/').next().unwrap_or_default();
        let by_topic = || invoked.engine.target(&arrival(topic));
        let target = invoked.target(&arrival(&event.source)).or_else(|unwired| by_topic().ok_or(unwired))?;
        of.push(Delivery { target, trigger: event.into(), tried: None });
        Ok(())
    })?;
    Ok(Deliveries { service: "azure-event-grid", of })
}

/// Reads one event after the other: an object, an array of them (`cardinality` many), or either as text.
pub(super) fn each(
    invoked: &Invoked<'_>,
    mut read: impl FnMut(&RawValue) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let text: Cow<'_, str> =
        if invoked.data.get().starts_with('"') { invoked.body().into() } else { invoked.data.get().into() };
    let malformed = |error| Failure::Malformed(format!("the value of its event is no JSON: {error}"));
    if text.trim_start().starts_with('[') {
        let events: Vec<&RawValue> = serde_json::from_str(&text).map_err(malformed)?;
        return events.into_iter().try_for_each(read);
    }
    read(serde_json::from_str(&text).map_err(malformed)?)
}

/// "CloudEvents v1.0 schema with Azure Event Grid" and "Azure Event Grid event schema".
pub(super) fn event(json: &RawValue) -> Result<BusEvent, Failure> {
    let members: Members<'_> = part("the value of its event", json)?;
    let cloud = members.get("specversion").is_some();
    let required = |name: &str| {
        let missing = || Failure::Malformed(format!("it is an event of Event Grid without `{name}`"));
        members.get(name).and_then(string).ok_or_else(missing)
    };
    let (source, detail_type) = match (cloud, members.get("eventType").is_some()) {
        (true, _) => (required("source")?, required("type")?),
        (false, true) => (members.text("topic").unwrap_or_default(), required("eventType")?),
        (false, false) => {
            let reason = "its event has neither `specversion`, as CloudEvents have, nor `eventType`, as those of Event Grid have";
            return Err(Failure::Malformed(reason.to_owned()));
        }
    };
    let detail = match members.get("data").or_else(|| members.get("data_base64")) {
        Some(data) => part::<Value>("`data`", data)?,
        None => Value::Null,
    };
    let account = source.strip_prefix("/subscriptions/").and_then(|rest| rest.split('/').next());
    Ok(BusEvent {
        id: required("id")?,
        time: members.text(if cloud { "time" } else { "eventTime" }).unwrap_or_default(),
        account: account.unwrap_or_default().to_owned(),
        region: String::new(),
        resources: if source.starts_with('/') { vec![source.clone()] } else { Vec::new() },
        subject: members.text("subject"),
        schema: Some(if cloud { "cloudevents-1.0" } else { "event-grid" }.to_owned()),
        source,
        detail_type,
        detail,
    })
}
