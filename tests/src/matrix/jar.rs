use super::{Answer, Request};
use std::collections::BTreeMap;

/// The cookies of a client that keeps them, as a browser does of one host: what they are for, and when they end, is left to
/// those who test that.
#[derive(Debug, Default)]
pub(super) struct Jar(BTreeMap<String, String>);

impl Jar {
    /// The request with what is kept.
    pub(super) fn send(&self, request: &Request) -> Request {
        let mut request = request.clone();
        if !self.0.is_empty() {
            let pairs: Vec<String> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request.headers.push(("cookie".to_owned(), pairs.join("; ")));
        }
        request
    }

    /// Keeps the cookies of an answer, and forgets those that it takes away.
    pub(super) fn keep(&mut self, answer: &Answer) {
        for cookie in answer.headers.get("set-cookie").into_iter().flatten() {
            let mut parts = cookie.split("; ");
            let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else { continue };
            if parts.any(|part| part == "Max-Age=0") {
                self.0.remove(name);
            } else {
                self.0.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_kept_until_they_are_taken_away() {
        let mut jar = Jar::default();
        let sent = |jar: &Jar| jar.send(&Request::default()).headers;
        assert!(sent(&jar).is_empty());
        let answer = |cookies: &[&str]| {
            Answer::new(200, cookies.iter().map(|cookie| ("set-cookie".to_owned(), (*cookie).to_owned())), "")
        };
        jar.keep(&answer(&["a=1; Path=/", "b=x=y; Max-Age=60; Secure"]));
        assert_eq!(sent(&jar), [("cookie".to_owned(), "a=1; b=x=y".to_owned())]);
        jar.keep(&answer(&["a=2", "b=; Path=/; Max-Age=0; Secure"]));
        assert_eq!(sent(&jar), [("cookie".to_owned(), "a=2".to_owned())]);
    }
}
