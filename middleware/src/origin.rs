//! Origins, as policies list them and as deployments have them.

use pikku::{
    BoxFuture, Problem, Service,
    service::{Plan, Scope},
};
use std::{fmt, future::ready};

/// Origins that are known when an app starts: those of a service that holds a list.
///
/// ```
/// use pikku::{BoxError, Need, service::Env};
/// use pikku_middleware::{InvalidOrigin, KnownOrigins, OriginList};
///
/// /// Where the front ends of this deployment are.
/// pub struct FrontEnds(OriginList);
///
/// #[pikku::service(needs = [Need::OptionalVariable("FRONT_ENDS")])]
/// fn front_ends(env: &Env) -> Result<FrontEnds, InvalidOrigin> {
///     Ok(FrontEnds(OriginList::parse(&env.get("FRONT_ENDS").unwrap_or_default())?))
/// }
///
/// impl KnownOrigins for FrontEnds {
///     fn has(&self, origin: &str) -> bool {
///         self.0.has(origin)
///     }
/// }
/// ```
///
/// It is the second type of what asks for origins: `Cors<ShopCors, FrontEnds>`, `Csrf<SameOrigin, FrontEnds>`.
pub trait KnownOrigins: Service {
    /// Whether it is one of them, octet by octet.
    fn has(&self, origin: &str) -> bool;
}

/// A list of origins, each as a browser sends it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OriginList(Vec<String>);

impl OriginList {
    /// The origins of a text, with white space or commas between them: `https://shop.example https://shop.example:8443`.
    ///
    /// # Errors
    ///
    /// One is none, or no browser would send it so.
    pub fn parse(text: &str) -> Result<Self, InvalidOrigin> {
        let parts = text.split(|c: char| c == ',' || c.is_ascii_whitespace()).filter(|part| !part.is_empty());
        let checked = parts.map(|origin| match mistake(origin.as_bytes()) {
            None => Ok(origin.to_owned()),
            Some(mistake) => Err(InvalidOrigin { origin: origin.to_owned(), mistake }),
        });
        checked.collect::<Result<_, _>>().map(Self)
    }

    /// Whether it is one of them, octet by octet.
    pub fn has(&self, origin: &str) -> bool {
        self.0.iter().any(|known| known == origin)
    }
}

/// What is no origin, or none as a browser would send it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidOrigin {
    origin: String,
    mistake: &'static str,
}

impl fmt::Display for InvalidOrigin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}` is no origin: {}", self.origin, self.mistake)
    }
}

impl std::error::Error for InvalidOrigin {}

/// Where further origins come from: a service, or nowhere.
pub trait Further: Send + Sync + 'static {
    /// Whether there can be any.
    #[doc(hidden)]
    const SOME: bool;

    /// Adds the service to the plan.
    #[doc(hidden)]
    fn plan(plan: &mut Plan);

    /// Whether it is one of them.
    #[doc(hidden)]
    fn has<'a>(scope: &'a Scope<'a>, origin: &'a str) -> BoxFuture<'a, Result<bool, Problem>>;
}

/// No further origins: those of the policy alone.
#[derive(Clone, Copy, Debug)]
pub struct PolicyOnly;

impl Further for PolicyOnly {
    const SOME: bool = false;

    fn plan(_: &mut Plan) {}

    fn has<'a>(_: &'a Scope<'a>, _: &'a str) -> BoxFuture<'a, Result<bool, Problem>> {
        Box::pin(ready(Ok(false)))
    }
}

impl<K: KnownOrigins + Send + Sync + 'static> Further for K {
    const SOME: bool = true;

    fn plan(plan: &mut Plan) {
        <K as Service>::plan(plan);
    }

    fn has<'a>(scope: &'a Scope<'a>, origin: &'a str) -> BoxFuture<'a, Result<bool, Problem>> {
        Box::pin(async move { Ok(K::get(scope).await?.has(origin)) })
    }
}

/// These, each of which a browser may send as it stands. One that no browser sends does not compile, for nobody would ever match
/// it.
pub(crate) const fn checked(origins: &'static [&'static str]) -> &'static [&'static str] {
    let mut at = 0;
    while at < origins.len() {
        if let Some(mistake) = mistake(origins[at].as_bytes()) {
            panic!("{}", mistake);
        }
        at += 1;
    }
    origins
}

/// What is wrong with an origin: a scheme, a host and perhaps a port (RFC 6454, section 6.2).
const fn mistake(origin: &[u8]) -> Option<&'static str> {
    let mut host = 0;
    while host + 2 < origin.len() && !(origin[host] == b':' && origin[host + 1] == b'/' && origin[host + 2] == b'/') {
        host += 1;
    }
    if host == 0 || host + 3 >= origin.len() {
        return Some("an origin is written as `https://shop.example`");
    }
    let mut at = 0;
    while at < origin.len() {
        let octet = origin[at];
        let is_own = octet.is_ascii_lowercase() || octet.is_ascii_digit() || matches!(octet, b'-' | b'.');
        let is_taken = is_own
            || (at < host && octet == b'+')
            || (host <= at && at < host + 3)
            || (host + 3 <= at && matches!(octet, b':' | b'[' | b']' | b'_'));
        if !is_taken {
            return Some("it has a scheme, a host and perhaps a port, in lower case, and nothing after them");
        }
        at += 1;
    }
    let last = origin[origin.len() - 1];
    if last == b'.' || last == b':' {
        return Some("it ends with its host or its port");
    }
    let has_default = (starts_with(origin, b"https://") && ends_with(origin, b":443"))
        || (starts_with(origin, b"http://") && ends_with(origin, b":80"));
    if has_default { Some("browsers leave out the port that the scheme has anyway") } else { None }
}

const fn starts_with(text: &[u8], start: &[u8]) -> bool {
    text.len() >= start.len() && is(text, start, 0)
}

const fn ends_with(text: &[u8], end: &[u8]) -> bool {
    text.len() >= end.len() && is(text, end, text.len() - end.len())
}

const fn is(text: &[u8], part: &[u8], from: usize) -> bool {
    let mut at = 0;
    while at < part.len() {
        if text[from + at] != part[at] {
            return false;
        }
        at += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_browsers_send_is_an_origin() {
        const TAKEN: &[&str] = checked(&[
            "https://shop.example",
            "http://localhost:3000",
            "https://shop.example:8443",
            "http://[::1]:8080",
            "https://xn--mnchen-3ya.example",
            "capacitor://localhost",
        ]);
        let list = OriginList::parse(&format!(" {},\n", TAKEN.join(" , "))).unwrap();
        assert_eq!(list.0, TAKEN);
        assert!(list.has("http://localhost:3000") && !list.has("http://localhost") && !list.has(""));
        assert_eq!(OriginList::parse(" ,").unwrap(), OriginList::default());
        for refused in [
            "*",
            "null",
            "shop.example",
            "://shop.example",
            "https://",
            "https://shop.example/",
            "https://shop.example.",
            "https://shop.example:",
            "https://shop.example:443",
            "http://shop.example:80",
            "https://Shop.example",
            "HTTPS://shop.example",
            "https://*.example",
            "https://user@shop.example",
            "https://münchen.example",
            "https://shop.example;https://other.example",
        ] {
            assert!(mistake(refused.as_bytes()).is_some(), "{refused}");
            let error = OriginList::parse(&format!("https://shop.example {refused}")).unwrap_err();
            assert!(error.to_string().starts_with(&format!("`{refused}` is no origin: ")), "{error}");
        }
        assert!(mistake(b"").is_some() && mistake(b"https://shop.example, https://other.example").is_some());
    }
}
