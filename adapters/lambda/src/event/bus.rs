use super::{
    batch::describe,
    envelope::Envelope,
    text::{Text, owned},
};
use crate::error::InvocationError;
use pikku::{
    Engine,
    call::{BusEvent, Context, ScheduledRun},
    dispatch::Arrival,
};
use serde_json::Value;

/// Handles an event of EventBridge: the run of a schedule, or an event of a bus.
///
/// A schedule is one of a rule (`aws.events`, detail type `Scheduled Event`, the rule's ARN first among the resources)
/// or of EventBridge Scheduler (`aws.scheduler`, whose detail is the string `{}`).
pub(super) async fn handle(engine: &Engine, event: Envelope<'_>, context: Context) -> Result<String, InvocationError> {
    let source = event.source.as_deref().unwrap_or_default();
    let detail_type = event.detail_type.as_deref().unwrap_or_default();
    let scheduled = source == "aws.scheduler" || (source == "aws.events" && detail_type == "Scheduled Event");
    let resource = event.resources.as_ref().and_then(|resources| resources.first());
    let (target, trigger) = if scheduled {
        // arn:aws:events:REGION:ACCOUNT:rule/NAME, arn:aws:scheduler:REGION:ACCOUNT:schedule/GROUP/NAME
        let name = resource.and_then(|arn| arn.rsplit('/').next()).ok_or_else(|| {
            InvocationError::malformed("it is the run of a schedule and its `resources` do not name which")
        })?;
        let time = owned(event.time.as_ref());
        let run = ScheduledRun {
            schedule: name.to_owned(),
            schedule_id: owned(resource),
            id: owned(event.id.as_ref()),
            origin: source.to_owned(),
            time_ms: epoch_ms(&time),
            time,
            ..ScheduledRun::default()
        };
        (find(engine, Arrival::Schedule(name))?, run.into())
    } else {
        let detail = event.detail.map_or("null", |detail| detail.get());
        let bus = BusEvent {
            id: owned(event.id.as_ref()),
            source: source.to_owned(),
            detail_type: detail_type.to_owned(),
            time: owned(event.time.as_ref()),
            account: owned(event.account.as_ref()),
            region: owned(event.region.as_ref()),
            resources: event.resources.iter().flatten().map(|text: &Text<'_>| owned(Some(text))).collect(),
            detail: serde_json::from_str::<Value>(detail).map_err(InvocationError::malformed)?,
            ..BusEvent::default()
        };
        (find(engine, Arrival::Event { source, detail_type })?, bus.into())
    };
    match engine.deliver(target, trigger, context).await {
        Ok(_) => Ok("null".into()),
        Err(problem) => Err(InvocationError::from(&problem)),
    }
}

fn find(engine: &Engine, arrival: Arrival<'_>) -> Result<pikku::dispatch::Target, InvocationError> {
    engine.target(&arrival).ok_or_else(|| InvocationError::unwired(&describe(&arrival), engine.source_ids()))
}

/// Milliseconds since the Unix epoch of an RFC 3339 time in UTC, which is the only form EventBridge sends; `None` for
/// any other. The days before a date are counted from the civil calendar.
fn epoch_ms(time: &str) -> Option<u64> {
    let time = time.strip_suffix('Z')?;
    let (date, clock) = time.split_once('T')?;
    let mut date = date.splitn(3, '-').map(str::parse::<u64>);
    let (year, month, day) = (date.next()?.ok()?, date.next()?.ok()?, date.next()?.ok()?);
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let mut clock = clock.splitn(3, ':').map(str::parse::<u64>);
    let (hour, minute, second) = (clock.next()?.ok()?, clock.next()?.ok()?, clock.next()?.ok()?);
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Years that begin in March put the leap day last.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719_468;
    let millis = format!("{fraction:0<3}").get(..3)?.parse::<u64>().ok()?;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1000 + millis)
}

#[cfg(test)]
mod tests {
    use super::epoch_ms;

    #[test]
    fn times_are_counted_from_the_epoch() {
        assert_eq!(epoch_ms("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(epoch_ms("2015-10-08T16:53:06Z"), Some(1_444_323_186_000));
        assert_eq!(epoch_ms("2024-02-29T23:59:59.25Z"), Some(1_709_251_199_250));
        assert_eq!(epoch_ms("2024-02-19T15:11:32+01:00"), None);
        assert_eq!(epoch_ms("soon"), None);
    }
}
