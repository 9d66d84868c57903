//! Timers.

use super::{Deliveries, Delivery, Invoked};
use crate::{
    invocation::{Failure, Members, part},
    time::epoch_ms,
};
use pikku::{call::ScheduledRun, dispatch::Arrival};
use std::borrow::Cow;

/// "Timer trigger for Azure Functions": `Schedule`, `ScheduleStatus` and `IsPastDue`. While a function runs, `Next` is still
/// what was expected before, so it is the time of the run, unless the function was started apart from its schedule.
pub(super) fn read(invoked: &Invoked<'_>) -> Result<Deliveries, Failure> {
    let target = invoked.target(&Arrival::Schedule(invoked.function))?;
    let text: Cow<'_, str> =
        if invoked.data.get().starts_with('"') { invoked.body().into() } else { invoked.data.get().into() };
    let timer: Members<'_> = serde_json::from_str(&text)
        .map_err(|error| Failure::Malformed(format!("the value of its timer is no object: {error}")))?;
    let status: Members<'_> = match timer.get("ScheduleStatus") {
        Some(status) => part("`ScheduleStatus`", status)?,
        None => Members::default(),
    };
    let sys: Members<'_> = match invoked.metadata.get("sys") {
        Some(sys) => part("`sys`", sys)?,
        None => Members::default(),
    };
    // A time that the host does not know is the year 1.
    let known = |time: Option<String>| time.filter(|time| epoch_ms(time).is_some());
    let (last, next, begun) = (known(status.text("Last")), known(status.text("Next")), known(sys.text("UtcNow")));
    let ms = |time: &Option<String>| time.as_deref().and_then(epoch_ms);
    let due = match (ms(&next), ms(&begun)) {
        (Some(next_ms), Some(begun_ms)) if next_ms <= begun_ms => &next,
        (Some(_), None) => &next,
        _ => &begun,
    };
    let run = ScheduledRun {
        schedule: invoked.source.to_owned(),
        schedule_id: invoked.function.to_owned(),
        id: invoked.id.to_owned(),
        origin: "azure-timer".to_owned(),
        time_ms: ms(due),
        time: due.clone().unwrap_or_default(),
        past_due: timer.text("IsPastDue").is_some_and(|late| late.eq_ignore_ascii_case("true")),
        last,
        next,
        begun,
    };
    Ok(Deliveries { service: "azure-timer", of: vec![Delivery { target, trigger: run.into(), tried: None }] })
}
