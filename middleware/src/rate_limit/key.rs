//! Whose calls are counted together.

use pikku::Call;
use std::{
    borrow::Cow,
    fmt,
    net::{IpAddr, Ipv6Addr},
};

/// Whose calls are counted together.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Key {
    /// Those of the session's [subject](pikku::Claims::subject), whatever it came by, such as a token or an API key. Who has no session is
    /// known by the address, and where the platform tells none all of them are one.
    Caller,
    /// Those from the client's address, as the platform tells it; of IPv6 from the same 64 bits, which are one customer's. Only calls
    /// over HTTP have one, and others are not limited. It is counted before anything looks at credentials.
    Address,
    /// All.
    Everyone,
    /// Those of whatever this gives, such as a tenant. Those of which it gives nothing are one.
    Of(fn(&Call) -> Option<String>),
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Caller => "Caller",
            Self::Address => "Address",
            Self::Everyone => "Everyone",
            Self::Of(_) => "Of(…)",
        })
    }
}

/// Who calls, and what that is known by.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Who<'a> {
    Subject(&'a str),
    Address(Vec<u8>),
    Custom(Cow<'a, str>),
    Anybody,
}

impl Who<'_> {
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Subject(_) => "subject",
            Self::Address(_) => "address",
            Self::Custom(_) => "custom",
            Self::Anybody => "anybody",
        }
    }

    pub(super) fn octets(&self) -> &[u8] {
        match self {
            Self::Subject(subject) => subject.as_bytes(),
            Self::Address(octets) => octets,
            Self::Custom(key) => key.as_bytes(),
            Self::Anybody => b"",
        }
    }
}

impl Key {
    pub(super) const fn looks_at_session(self) -> bool {
        matches!(self, Self::Caller | Self::Of(_))
    }

    /// Whose call it is; `None` of one that is not limited.
    pub(super) fn of(self, call: &Call) -> Option<Who<'_>> {
        Some(match self {
            Self::Caller => match call.claims().and_then(|claims| claims.subject()) {
                Some(subject) => Who::Subject(subject),
                None => address(call),
            },
            Self::Address if call.http().is_none() => return None,
            Self::Address => address(call),
            Self::Everyone => Who::Anybody,
            Self::Of(key) => key(call).map_or(Who::Anybody, |key| Who::Custom(key.into())),
        })
    }
}

fn address(call: &Call) -> Who<'static> {
    let text = call.http().and_then(|request| request.client_ip.as_deref());
    text.map_or(Who::Anybody, |text| Who::Address(network(text)))
}

/// The address, or of IPv6 the network of 64 bits that it is of.
fn network(text: &str) -> Vec<u8> {
    match text.parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(IpAddr::V4(address)) => address.octets().to_vec(),
        Ok(IpAddr::V6(address)) => {
            let [one, two, three, four, ..] = address.segments();
            Ipv6Addr::new(one, two, three, four, 0, 0, 0, 0).octets().to_vec()
        }
        Err(_) => text.as_bytes().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::network;

    #[test]
    fn a_customer_has_one_network() {
        assert_eq!(network("203.0.113.7"), network("::ffff:203.0.113.7"));
        assert_ne!(network("203.0.113.7"), network("203.0.113.8"));
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), network("2001:db8:1:2::1"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("unknown"), b"unknown");
    }
}
