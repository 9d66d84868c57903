//! Records of Event Hubs.

use super::{Deliveries, Delivery, Invoked};
use crate::{
    invocation::{Failure, Members, decoded, part, string},
    time::epoch_ms,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use pikku::{Bytes, call::StreamRecord, dispatch::Arrival};
use serde_json::value::RawValue;

/// "Azure Event Hubs trigger", event metadata. With `cardinality` many, the value is an array of texts, and each member of
/// the metadata an array under a name that ends in `Array`.
pub(super) fn read(invoked: &Invoked<'_>) -> Result<Deliveries, Failure> {
    let target = invoked.target(&Arrival::Stream(invoked.function))?;
    let body = invoked.body();
    let several = invoked.metadata.get("SystemPropertiesArray").is_some()
        || invoked.metadata.get("SequenceNumberArray").is_some();
    let records = if several {
        let malformed = |error| Failure::Malformed(format!("the value of its events is no array of JSON: {error}"));
        let texts: Vec<&RawValue> = serde_json::from_str(&body).map_err(malformed)?;
        texts
            .iter()
            .enumerate()
            .map(|(at, text)| {
                record(invoked, string(text).unwrap_or_else(|| text.get().to_owned()).into_bytes(), Some(at))
            })
            .collect::<Result<Vec<_>, _>>()?
    } else {
        vec![record(invoked, octets(invoked).unwrap_or_else(|| body.into_bytes()), None)?]
    };
    let of = records.into_iter().map(|record| Delivery { target, trigger: record.into(), tried: None }).collect();
    Ok(Deliveries { service: "azure-event-hubs", of })
}

fn record(invoked: &Invoked<'_>, data: Vec<u8>, at: Option<usize>) -> Result<StreamRecord, Failure> {
    let metadata = crate::invocation::Metadata::of(
        invoked.metadata,
        if at.is_some() { "" } else { std::str::from_utf8(&data).unwrap_or_default() },
    );
    let text = |name: &str| match at {
        None => metadata.text(name),
        Some(at) => {
            let list = metadata.text(&format!("{name}Array"))?;
            let values: Vec<&RawValue> = serde_json::from_str(&list).ok()?;
            values.get(at).copied().map(decoded).filter(|text| text != "null")
        }
    };
    let system: Option<String> = text("SystemProperties");
    let system: Members<'_> = match &system {
        Some(json) if json.starts_with('{') => part("`SystemProperties`", raw(json)?)?,
        _ => Members::default(),
    };
    let also = |name: &str, other: &str| text(name).or_else(|| system.text(other));
    let sequence_number = also("SequenceNumber", "SequenceNumber").unwrap_or_default();
    Ok(StreamRecord {
        stream: invoked.source.to_owned(),
        id: also("Offset", "Offset").unwrap_or_else(|| sequence_number.clone()),
        partition_key: also("PartitionKey", "PartitionKey").unwrap_or_default(),
        arrived_at_s: also("EnqueuedTimeUtc", "EnqueuedTimeUtc")
            .as_deref()
            .and_then(epoch_ms)
            .map(|ms| ms as f64 / 1000.0),
        data: Bytes::from(data),
        sequence_number,
    })
}

/// The octets of a value that is base64, as the host writes it with `dataType` binary. Text it writes as JSON within a JSON
/// string, so that it begins with a quotation mark.
fn octets(invoked: &Invoked<'_>) -> Option<Vec<u8>> {
    STANDARD.decode(string(invoked.data)?).ok()
}

fn raw(json: &str) -> Result<&RawValue, Failure> {
    serde_json::from_str(json).map_err(|error| Failure::Malformed(format!("its metadata is no JSON: {error}")))
}
