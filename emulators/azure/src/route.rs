//! Routes of HTTP functions, as far as `function.json` can say them.

use std::cmp::Ordering;

/// A route: the prefix of `host.json` and what the function says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route(Vec<Segment>);

/// In the order in which ASP.NET Core tries them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Text(String),
    Constrained(String),
    Parameter(String),
    Rest,
}

impl Route {
    pub(crate) fn read(prefix: &str, route: &str) -> Result<Self, String> {
        if route.starts_with('/') || route.starts_with('~') {
            return Err("The route template cannot start with a '/' or '~' character.".to_owned());
        }
        let whole = [prefix.trim_matches('/'), route].join("/");
        let texts: Vec<&str> = whole.split('/').filter(|text| !text.is_empty()).collect();
        let mut segments = Vec::with_capacity(texts.len());
        for (at, text) in texts.iter().enumerate() {
            let segment = match text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
                None if text.contains(['{', '}']) => {
                    return Err(format!("this host does not read the route segment `{text}`"));
                }
                None => Segment::Text((*text).to_owned()),
                Some(name) if name.starts_with('*') => Segment::Rest,
                Some(name) if name.contains(':') => {
                    let constraint = name.split_once(':').map_or("", |(_, constraint)| constraint);
                    Segment::Constrained(constraint.trim_end_matches('?').to_owned())
                }
                Some(name) => Segment::Parameter(name.to_owned()),
            };
            if segment == Segment::Rest && at + 1 != texts.len() {
                return Err(
                    "A catch-all parameter can only appear as the last segment of the route template.".to_owned()
                );
            }
            segments.push(segment);
        }
        Ok(Self(segments))
    }

    /// Whether a path is one of the route's.
    pub(crate) fn takes(&self, path: &str) -> bool {
        let mut parts = path.split('/').filter(|part| !part.is_empty());
        for segment in &self.0 {
            let fits = match (segment, segment == &Segment::Rest) {
                (_, true) => return true,
                (segment, false) => match (segment, parts.next()) {
                    (Segment::Text(text), Some(part)) => text.eq_ignore_ascii_case(part),
                    (Segment::Constrained(constraint), Some(part)) => constrained(constraint, part),
                    (Segment::Parameter(_), Some(_)) => true,
                    (Segment::Parameter(name), None) => name.ends_with('?') || name.contains('='),
                    _ => false,
                },
            };
            if !fits {
                return false;
            }
        }
        parts.next().is_none()
    }

    /// Which of two routes that take a path is tried first.
    pub(crate) fn before(&self, other: &Self) -> Ordering {
        let rank = |segment: &Segment| match segment {
            Segment::Text(_) => 0,
            Segment::Constrained(_) => 1,
            Segment::Parameter(_) => 2,
            Segment::Rest => 3,
        };
        self.0.iter().map(rank).cmp(other.0.iter().map(rank))
    }
}

/// The constraints that tell numbers and letters apart; any other takes what comes.
fn constrained(constraint: &str, part: &str) -> bool {
    match constraint {
        "int" | "long" => part.parse::<i64>().is_ok(),
        "bool" => part.eq_ignore_ascii_case("true") || part.eq_ignore_ascii_case("false"),
        "alpha" => part.bytes().all(|octet| octet.is_ascii_alphabetic()),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(route: &str, path: &str) -> bool {
        Route::read("api", route).unwrap().takes(path)
    }

    #[test]
    fn routes_are_those_of_asp_net() {
        assert!(takes("orders", "/API/Orders") && takes("orders", "/api/orders/") && !takes("orders", "/orders"));
        assert!(takes("orders/{id}", "/api/orders/1") && !takes("orders/{id}", "/api/orders"));
        assert!(takes("orders/{id?}", "/api/orders") && takes("{*path}", "/api") && takes("{*path}", "/api/a/b"));
        assert!(takes("n/{id:int}", "/api/n/4") && !takes("n/{id:int}", "/api/n/x"));
        assert!(
            Route::read("", "/orders").is_err()
                && Route::read("", "{*a}/b").is_err()
                && Route::read("", "a{b}").is_err()
        );
    }

    #[test]
    fn the_more_exact_route_is_tried_first() {
        let mut routes =
            ["{*path}", "orders/{id}", "orders/new", "orders/{id:int}"].map(|route| Route::read("", route).unwrap());
        routes.sort_by(Route::before);
        let expected =
            ["orders/new", "orders/{id:int}", "orders/{id}", "{*path}"].map(|route| Route::read("", route).unwrap());
        assert_eq!(routes, expected);
    }
}
