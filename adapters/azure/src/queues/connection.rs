//! Connection strings, as the host's own settings have them.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::fmt;

/// The account and the key that every emulator of storage has ("Use the Azurite emulator"): they are public.
const EMULATOR_ACCOUNT: &str = "devstoreaccount1";
const EMULATOR_KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
const EMULATOR_QUEUES: &str = "http://127.0.0.1:10001/devstoreaccount1";

/// Who a connection string is.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Key {
    /// The account of storage, or the policy of Service Bus.
    pub(crate) name: String,
    /// The key: octets of storage, text of Service Bus.
    pub(crate) secret: Vec<u8>,
}

/// It shows no secret.
impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Key").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The endpoint of queues and the key of an account, in a connection string of storage; `None` where it has no key.
pub(super) fn storage(text: &str) -> Option<(String, Key)> {
    let part = |name: &str| part(text, name);
    let emulator = part("UseDevelopmentStorage").is_some_and(|on| on.eq_ignore_ascii_case("true"));
    let account = part("AccountName").or(emulator.then_some(EMULATOR_ACCOUNT))?;
    let secret = STANDARD.decode(part("AccountKey").or(emulator.then_some(EMULATOR_KEY))?).ok()?;
    let endpoint = match part("QueueEndpoint") {
        Some(endpoint) => endpoint.trim_end_matches('/').to_owned(),
        None if emulator => EMULATOR_QUEUES.to_owned(),
        None => {
            let suffix = part("EndpointSuffix").unwrap_or("core.windows.net");
            format!("{}://{account}.queue.{suffix}", part("DefaultEndpointsProtocol").unwrap_or("https"))
        }
    };
    Some((endpoint, Key { name: account.to_owned(), secret }))
}

/// The endpoint of a namespace and the key of a policy, in a connection string of Service Bus, with whether it is an
/// emulator's.
pub(super) fn service_bus(text: &str) -> Option<(String, Key, bool)> {
    let part = |name: &str| part(text, name);
    let endpoint = part("Endpoint")?.trim_end_matches('/').to_owned();
    let key =
        Key { name: part("SharedAccessKeyName")?.to_owned(), secret: part("SharedAccessKey")?.as_bytes().to_vec() };
    Some((endpoint, key, part("UseDevelopmentEmulator").is_some_and(|on| on.eq_ignore_ascii_case("true"))))
}

/// The value of a part, `Name=value` between semicolons; keys may end in `=`.
fn part<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let pairs = text.split(';').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(known, value)| (known.trim(), value.trim()))
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connection_strings_are_read() {
        let (endpoint, key) = storage(
            "DefaultEndpointsProtocol=https;AccountName=shop;AccountKey=aHVzaA==;EndpointSuffix=core.windows.net",
        )
        .unwrap();
        assert_eq!(
            (endpoint.as_str(), key.name.as_str(), &key.secret[..]),
            ("https://shop.queue.core.windows.net", "shop", &b"hush"[..])
        );
        assert!(!format!("{key:?}").contains("hush"));
        assert_eq!(storage("UseDevelopmentStorage=true").unwrap().0, EMULATOR_QUEUES);
        let own =
            "AccountName=devstoreaccount1;AccountKey=aHVzaA==;QueueEndpoint=http://127.0.0.1:4000/devstoreaccount1/;";
        assert_eq!(storage(own).unwrap().0, "http://127.0.0.1:4000/devstoreaccount1");
        for none in ["", "AccountName=shop", "AccountKey=aHVzaA==", "AccountName=shop;AccountKey=no base64"] {
            assert!(storage(none).is_none(), "{none}");
        }
        let text = "Endpoint=sb://shop.servicebus.windows.net/;SharedAccessKeyName=send;SharedAccessKey=hush=";
        let (endpoint, key, emulator) = service_bus(text).unwrap();
        assert_eq!(
            (endpoint.as_str(), &key.secret[..], emulator),
            ("sb://shop.servicebus.windows.net", &b"hush="[..], false)
        );
    }
}
