//! Blobs: from the blob trigger, and as events of Event Grid.

use super::{Deliveries, Delivery, Invoked, event};
use crate::invocation::{Failure, Members, part};
use pikku::{
    call::{BusEvent, ObjectEvent},
    dispatch::Arrival,
    http::RequestPath,
};
use serde_json::value::RawValue;

pub(super) fn read(invoked: &Invoked<'_>) -> Result<Deliveries, Failure> {
    if invoked.metadata.get("Uri").is_some() {
        let of = vec![delivery(invoked, of_trigger(invoked)?)?];
        return Ok(Deliveries { service: "azure-blob", of });
    }
    let mut of = Vec::new();
    event::each(invoked, |json| {
        of.push(delivery(invoked, of_event(&event::event(json)?, json)?)?);
        Ok(())
    })?;
    Ok(Deliveries { service: "azure-event-grid", of })
}

fn delivery(invoked: &Invoked<'_>, object: ObjectEvent) -> Result<Delivery, Failure> {
    let arrival = Arrival::Object { bucket: &object.bucket, event: &object.event, key: &object.key };
    Ok(Delivery { target: invoked.target(&arrival)?, trigger: object.into(), tried: None })
}

/// "Azure Blob storage trigger", metadata: `Uri`, and `Properties` of the blob. It fires for blobs that are there, new or
/// written anew. The blob's own content, which is the binding's value, is not looked at.
fn of_trigger(invoked: &Invoked<'_>) -> Result<ObjectEvent, Failure> {
    let (bucket, key, key_as_delivered) = place(&invoked.metadata.text("Uri").unwrap_or_default())?;
    let properties: Members<'_> = match invoked.metadata.get("Properties") {
        Some(properties) => part("`Properties`", properties)?,
        None => Members::default(),
    };
    Ok(ObjectEvent {
        bucket,
        key,
        key_as_delivered,
        event: "ObjectCreated:Put".to_owned(),
        time: properties.text("LastModified").unwrap_or_default(),
        size: size(&properties),
        etag: etag(&properties),
        version_id: properties.text("VersionId"),
        sequencer: None,
    })
}

/// "Azure Blob Storage as Event Grid source".
fn of_event(event: &BusEvent, json: &RawValue) -> Result<ObjectEvent, Failure> {
    let members: Members<'_> = part("the value of its event", json)?;
    let data: Members<'_> = match members.get("data") {
        Some(data) => part("`data`", data)?,
        None => return Err(Failure::Malformed("it is an event of a blob without `data`".to_owned())),
    };
    let (bucket, key, key_as_delivered) = place(&data.text("url").unwrap_or_default())?;
    let name = match event.detail_type.as_str() {
        "Microsoft.Storage.BlobCreated" => match data.text("api").as_deref() {
            Some("CopyBlob") => "ObjectCreated:Copy",
            Some("PutBlockList" | "FlushWithClose") => "ObjectCreated:CompleteMultipartUpload",
            _ => "ObjectCreated:Put",
        },
        "Microsoft.Storage.BlobDeleted" => "ObjectRemoved:Delete",
        other => other,
    };
    Ok(ObjectEvent {
        bucket,
        key,
        key_as_delivered,
        event: name.to_owned(),
        time: event.time.clone(),
        size: size(&data),
        etag: etag(&data),
        version_id: None,
        sequencer: data.text("sequencer"),
    })
}

fn size(members: &Members<'_>) -> Option<u64> {
    members.text("ContentLength").and_then(|size| size.parse().ok())
}

/// As S3 has it, without quotes.
fn etag(members: &Members<'_>) -> Option<String> {
    members.text("ETag").map(|etag| etag.trim_matches('"').to_owned())
}

/// Container, key and the key as it stands in a blob's URL, whose path is percent-encoded:
/// `https://ACCOUNT.blob.core.windows.net/CONTAINER/KEY`, or, of an emulator, with the account before the container.
fn place(url: &str) -> Result<(String, String, String), Failure> {
    let none = || Failure::Malformed(format!("`{url}` is no URL of a blob"));
    let (_, rest) = url.split_once("://").ok_or_else(none)?;
    let (host, path) = rest.split_once('/').ok_or_else(none)?;
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let path = if host.contains(".blob.") { path } else { path.split_once('/').map_or(path, |(_, path)| path) };
    let (container, key) = path.split_once('/').ok_or_else(none)?;
    let decoded: Vec<String> = RequestPath::encoded(format!("/{key}")).segments().map(Into::into).collect();
    Ok((container.to_owned(), decoded.join("/"), key.to_owned()))
}
