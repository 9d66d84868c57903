//! What a message may be.

use crate::{EngineError, ErrorKind, NewMessage, spec::MOST_SPAN};

/// The most that an engine takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Octets of a body with its attributes' names and values.
    pub size: usize,
    /// Attributes of a message.
    pub attributes: usize,
    /// Messages of one call, and deliveries of one call.
    pub batch: usize,
    /// Octets of a FIFO group's name or of a deduplication id.
    pub id: usize,
}

impl Default for Limits {
    /// 1 MiB and 128 octets of an id, as SQS has it; 64 attributes; 1,000 messages of one call.
    fn default() -> Self {
        Self { size: 1024 * 1024, attributes: 64, batch: 1000, id: 128 }
    }
}

impl Limits {
    /// Whether messages can be taken.
    ///
    /// # Errors
    /// [`ErrorKind::Limit`] with what is too large.
    pub fn check(&self, messages: &[NewMessage]) -> Result<(), EngineError> {
        let refuse = |place: String, reason: String| Err(EngineError::new(ErrorKind::Limit, place, reason));
        if messages.len() > self.batch {
            return refuse(
                "a batch".to_owned(),
                format!("{} messages are sent at once, and {} are allowed", messages.len(), self.batch),
            );
        }
        for message in messages {
            let place = || format!("a message to queue `{}`", message.queue);
            let attributes: usize = message.attributes.iter().map(|(name, value)| name.len() + value.len()).sum();
            let size = message.body.as_bytes().len() + attributes;
            if size > self.size {
                return refuse(place(), format!("it has {size} octets, and {} are allowed", self.size));
            }
            if message.attributes.len() > self.attributes {
                let (has, most) = (message.attributes.len(), self.attributes);
                return refuse(place(), format!("it has {has} attributes, and {most} are allowed"));
            }
            if message.delay > MOST_SPAN {
                return refuse(place(), format!("it is delayed by {:?}, and 14 days are allowed", message.delay));
            }
            for (what, id) in [("group", &message.group), ("deduplication id", &message.deduplication_id)] {
                if let Some(id) = id
                    && (id.is_empty() || id.len() > self.id)
                {
                    let (has, most) = (id.len(), self.id);
                    return refuse(place(), format!("its {what} has {has} octets, and may have 1 to {most}"));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_large_is_refused_with_the_place() {
        let limits = Limits { size: 10, attributes: 1, batch: 2, id: 3 };
        let message = || NewMessage::new("orders", "12345678");
        let refused = |messages: &[NewMessage]| limits.check(messages).unwrap_err().to_string();
        assert!(limits.check(&[message(), message().attribute("a", "b")]).is_ok());
        assert_eq!(
            refused(&[message().attribute("a", "bc")]),
            "a message to queue `orders`: it has 11 octets, and 10 are allowed"
        );
        assert_eq!(
            refused(&[message().attribute("a", "").attribute("b", "")]),
            "a message to queue `orders`: it has 2 attributes, and 1 are allowed"
        );
        assert_eq!(
            refused(&[message().group("long")]),
            "a message to queue `orders`: its group has 4 octets, and may have 1 to 3"
        );
        assert_eq!(
            refused(&[message().deduplication_id("")]),
            "a message to queue `orders`: its deduplication id has 0 octets, and may have 1 to 3"
        );
        assert_eq!(
            refused(&[message(), message(), message()]),
            "a batch: 3 messages are sent at once, and 2 are allowed"
        );
    }
}
