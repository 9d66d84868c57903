use super::connection::{self, Key};
use crate::cloud::Env;
use hyper::Uri;
use pikku_https::{RESOURCES, SendError, address_of};

/// A service that has queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    Storage,
    ServiceBus,
}

impl Service {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Storage => "Azure Storage",
            Self::ServiceBus => "Azure Service Bus",
        }
    }

    /// What a token is for ("Authorize with Microsoft Entra ID" of each).
    pub(super) fn resource(self) -> &'static str {
        match self {
            Self::Storage => "https://storage.azure.com/",
            Self::ServiceBus => "https://servicebus.azure.net/",
        }
    }
}

/// A queue, and how requests to it are sent.
#[derive(Debug)]
pub(crate) struct Address {
    pub(crate) service: Service,
    /// Scheme, host and port.
    pub(crate) endpoint: Uri,
    /// The path of the queue, without a slash at its end.
    pub(crate) path: String,
    /// The key of a connection string of that address; the app's identity counts where there is none.
    pub(crate) key: Option<Key>,
}

impl Address {
    /// Reads what the environment says about a queue.
    pub(super) fn of(queue: &str, env: Env<'_>) -> Result<Self, SendError> {
        let given = address_of(queue, env)?;
        let variable = format!("{RESOURCES} of the queue `{queue}`");
        let wrong = |reason| SendError::address(&variable, reason);
        let secure = given.strip_prefix("sb://").map(|rest| format!("https://{rest}"));
        let bus = secure.is_some() || given.contains(".servicebus.");
        let mut url = secure.unwrap_or_else(|| given.clone());
        let key = if bus {
            env("AzureWebJobsServiceBus").and_then(|text| connection::service_bus(&text)).and_then(
                |(endpoint, key, emulator)| {
                    let host = |url: &str| url.split_once("://").map(|(_, rest)| rest.to_owned());
                    below(&host(&given)?, &host(&endpoint)?).then(|| {
                        if emulator {
                            url = url.replacen("https://", "http://", 1);
                        }
                        key
                    })
                },
            )
        } else {
            let connection = env("AzureWebJobsStorage").and_then(|text| connection::storage(&text));
            connection.filter(|(endpoint, _)| below(&given, endpoint)).map(|(_, key)| key)
        };
        let uri: Uri = url.parse().map_err(|_| wrong("is no URL"))?;
        let Some(authority) = uri.authority() else { return Err(wrong("does not begin with https:// or sb://")) };
        match uri.scheme_str() {
            Some("https") => {}
            Some("http") if key.is_some() => {}
            Some("http") => {
                return Err(wrong("is plain `http`, which is spoken only where a connection string has that address"));
            }
            _ => return Err(wrong("does not begin with https:// or sb://")),
        }
        if authority.as_str().contains('@') || uri.query().is_some() {
            return Err(wrong("has a user or a query in it, which no queue's address has"));
        }
        let path = uri.path().trim_end_matches('/').to_owned();
        if path.is_empty() {
            return Err(wrong("has no name of a queue at its end"));
        }
        let endpoint = Uri::builder()
            .scheme(uri.scheme_str().unwrap_or("https"))
            .authority(authority.as_str())
            .path_and_query("/")
            .build()
            .map_err(|_| wrong("is no URL"))?;
        let service = if bus { Service::ServiceBus } else { Service::Storage };
        Ok(Self { service, endpoint, path, key })
    }

    /// Host and port, as the header has them.
    pub(super) fn host(&self) -> &str {
        self.endpoint.authority().map_or("", hyper::http::uri::Authority::as_str)
    }
}

/// Whether an address is one of an endpoint.
fn below(address: &str, endpoint: &str) -> bool {
    address.strip_prefix(endpoint).is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(address: &str, more: &[(&str, &str)]) -> Result<Address, String> {
        let resources = format!(r#"{{"queue:mail":{address:?}}}"#);
        let env = |name: &str| {
            let set = more.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
            set.or_else(|| (name == RESOURCES).then(|| resources.clone()))
        };
        Address::of("mail", &env).map_err(|error| error.to_string())
    }

    #[test]
    fn a_queue_is_where_its_address_says() {
        let queue = of("https://shop.queue.core.windows.net/mail-1x/", &[]).unwrap();
        assert_eq!(
            (queue.service, queue.path.as_str(), queue.host()),
            (Service::Storage, "/mail-1x", "shop.queue.core.windows.net")
        );
        for address in ["sb://shop.servicebus.windows.net/mail", "https://shop.servicebus.windows.net/mail"] {
            let queue = of(address, &[]).unwrap();
            assert_eq!(
                (queue.service, queue.endpoint.to_string().as_str()),
                (Service::ServiceBus, "https://shop.servicebus.windows.net/")
            );
            assert!(queue.key.is_none());
        }
    }

    #[test]
    fn a_key_is_for_its_own_address_alone() {
        let shop = ("AzureWebJobsStorage", "AccountName=shop;AccountKey=aHVzaA==");
        assert!(of("https://shop.queue.core.windows.net/mail", &[shop]).unwrap().key.is_some());
        assert!(of("https://shopping.queue.core.windows.net/mail", &[shop]).unwrap().key.is_none());
        let local = ("AzureWebJobsStorage", "UseDevelopmentStorage=true");
        let queue = of("http://127.0.0.1:10001/devstoreaccount1/mail", &[local]).unwrap();
        assert_eq!(queue.path, "/devstoreaccount1/mail");
        let text = "Endpoint=sb://127.0.0.1:5300;SharedAccessKeyName=a;SharedAccessKey=b;UseDevelopmentEmulator=true";
        let bus = of("sb://127.0.0.1:5300/mail", &[("AzureWebJobsServiceBus", text)]).unwrap();
        assert_eq!((bus.endpoint.to_string().as_str(), bus.key.is_some()), ("http://127.0.0.1:5300/", true));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_fix() {
        for (address, reason) in [
            ("http://shop.queue.core.windows.net/mail", "plain `http`"),
            ("ftp://x/y", "does not begin with"),
            ("mail", "does not begin with"),
            ("https://user:pass@x.queue.core.windows.net/mail", "a user or a query"),
            ("https://x.queue.core.windows.net/mail?sig=s", "a user or a query"),
            ("https://x.queue.core.windows.net/", "no name of a queue"),
        ] {
            let error = of(address, &[]).unwrap_err();
            assert!(error.contains(reason) && error.contains("of the queue `mail`"), "{error}");
        }
        let unknown = Address::of("orders", &|_| None).unwrap_err().to_string();
        assert!(unknown.contains(r#"Need::SendToQueue("orders")"#), "{unknown}");
        assert!(Address::of("orders", &|_| Some("[1]".to_owned())).unwrap_err().to_string().contains(RESOURCES));
    }
}
