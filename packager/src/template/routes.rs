//! HTTP routes as an API Gateway HTTP API has them.
//!
//! The API only brings a request to the right function; the bundle's own router decides on the answer. Each wiring is
//! a route of its own, a GET route has a HEAD route beside it, and a route with CORS one for OPTIONS, whose preflights its own
//! group answers. What no route matches goes to the first group with routes, so that an unknown path and a wrong method are
//! answered in the app's own form.

use super::error::{Place, Problem};
use super::node::{Node, map, reference};
use super::stack::{Stack, pascal};
use pikku_manifest::{Manifest, WiringKind};
use std::collections::BTreeMap;

/// The logical id of the API that all groups share.
pub(super) const API: &str = "HttpApi";

/// The methods an HTTP API routes.
const METHODS: [&str; 7] = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];

/// The events of each group's function, by the group's name.
pub(super) type GroupRoutes = BTreeMap<String, Vec<(String, Node)>>;

struct Route<'m> {
    group: &'m str,
    place: Place,
    /// The method, or `ANY`.
    method: String,
    /// The path in the API's own notation.
    path: String,
    /// Whether its preflights are answered.
    preflight: bool,
}

/// The routes of all groups.
pub(super) fn plan(stack: &mut Stack, manifest: &Manifest) -> GroupRoutes {
    let routes = read(stack, manifest);
    let mut groups = GroupRoutes::new();
    let mut taken: BTreeMap<(String, String), &str> = BTreeMap::new();
    for route in &routes {
        let mut methods = vec![route.method.as_str()];
        let is_wired = |method: &str| {
            let answers =
                |other: &Route<'_>| other.path == route.path && (other.method == method || other.method == "ANY");
            routes.iter().any(answers)
        };
        if route.method == "GET" && !is_wired("HEAD") {
            methods.push("HEAD");
        }
        if route.preflight && !is_wired("OPTIONS") {
            methods.push("OPTIONS");
        }
        for method in methods {
            let event = (event_id(method, &route.path), event(Some((method, &route.path))));
            match taken.insert((route.path.clone(), method.to_owned()), route.group) {
                None => insert(groups.entry(route.group.to_owned()).or_default(), event.0, event.1),
                // Two paths that the API cannot tell apart, such as `/{name}.json` and `/{name}.xml`; the bundle can.
                Some(group) if group == route.group => {}
                Some(_) if method == "HEAD" && method != route.method => {}
                Some(other) => {
                    let (route_key, other_group) = (format!("{method} {}", route.path), other.to_owned());
                    stack.error(&route.place, Problem::RouteTaken { route: route_key, other_group });
                }
            }
        }
    }
    let takes_all = |path: fn(&str) -> bool| routes.iter().any(|route| route.method == "ANY" && path(&route.path));
    let covered = takes_all(|path| path == "/") && takes_all(|path| path.starts_with("/{") && path.ends_with("+}"));
    if let (Some(first), false) = (routes.first(), covered) {
        insert(groups.entry(first.group.to_owned()).or_default(), "Unmatched".to_owned(), event(None));
    }
    groups
}

/// The API itself.
pub(super) fn api(app: &str) -> Node {
    map([
        ("Type", "AWS::Serverless::HttpApi".into()),
        (
            "Properties",
            map([("Description", format!("The HTTP routes of {app}").into()), ("FailOnWarnings", true.into())]),
        ),
    ])
}

fn read<'m>(stack: &mut Stack, manifest: &'m Manifest) -> Vec<Route<'m>> {
    let mut names = ParameterNames::default();
    let mut routes = Vec::new();
    for group in &manifest.groups {
        for wiring in &group.wirings {
            let WiringKind::Http(http) = &wiring.kind else { continue };
            let place = Place::wiring(&group.name, wiring);
            let method = http.method.clone().unwrap_or_else(|| "ANY".to_owned());
            if http.method.is_some() && !METHODS.contains(&method.as_str()) {
                stack.error(&place, Problem::Method { method });
                continue;
            }
            let preflight = wiring.layers.iter().any(|layer| layer.preflight);
            routes.push(Route { group: &group.name, place, method, path: names.translate(&http.path), preflight });
        }
    }
    routes
}

/// The names of path parameters by what comes before them.
///
/// `/orders/{id}` and `/orders/{order}/items` meet in one place of the tree of paths, and an API takes one name there.
/// The bundle reads the path itself, so the name is nobody's concern.
#[derive(Default)]
struct ParameterNames(BTreeMap<String, String>);

impl ParameterNames {
    fn translate(&mut self, path: &str) -> String {
        let mut translated = String::new();
        for segment in path.split('/').skip(1) {
            let Some(open) = segment.find('{') else {
                translated.push('/');
                translated.push_str(segment);
                continue;
            };
            let (inner, _) = segment[open + 1..].split_once('}').unwrap_or((&segment[open + 1..], ""));
            let greedy = inner.starts_with('*');
            let name = format!("{}{}", inner.trim_start_matches('*'), if greedy { "+" } else { "" });
            let name = self.0.entry(format!("{translated}/{greedy}")).or_insert(name);
            translated.push_str(&format!("/{{{name}}}"));
        }
        translated
    }
}

/// The event of a route, or of all that no route matches.
fn event(route: Option<(&str, &str)>) -> Node {
    let mut properties = vec![("ApiId".to_owned(), reference(API))];
    if let Some((method, path)) = route {
        properties.push(("Method".to_owned(), method.into()));
        properties.push(("Path".to_owned(), path.into()));
    }
    properties.push(("PayloadFormatVersion".to_owned(), "2.0".into()));
    map([("Type", "HttpApi".into()), ("Properties", Node::Map(properties))])
}

/// Such as `GetOrdersById` for `GET /orders/{id}`.
fn event_id(method: &str, path: &str) -> String {
    let mut id = pascal(method);
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        match segment.strip_prefix('{').and_then(|segment| segment.strip_suffix('}')) {
            Some(name) if name.ends_with('+') => id.push_str(&format!("All{}", pascal(name))),
            Some(name) => id.push_str(&format!("By{}", pascal(name))),
            None => id.push_str(&pascal(segment)),
        }
    }
    if path == "/" { id + "Root" } else { id }
}

/// Adds an event under its id, or under its id and a number where another event has the id.
pub(super) fn insert(events: &mut Vec<(String, Node)>, id: String, event: Node) {
    let known = |id: &String| events.iter().any(|(known, _)| known == id);
    let id = if known(&id) { (2_usize..).map(|n| format!("{id}{n}")).find(|id| !known(id)).unwrap_or(id) } else { id };
    events.push((id, event));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_take_the_notation_of_the_api() {
        let mut names = ParameterNames::default();
        for (path, translated) in [
            ("/", "/"),
            ("/orders", "/orders"),
            ("/orders/", "/orders/"),
            ("/orders/{id}", "/orders/{id}"),
            ("/orders/{order}/items/{id}", "/orders/{id}/items/{id}"),
            ("/{*path}", "/{path+}"),
            ("/files/{name}.json", "/files/{name}"),
            ("/files/{*rest}", "/files/{rest+}"),
        ] {
            assert_eq!(names.translate(path), translated);
        }
    }

    #[test]
    fn events_are_named_after_their_routes() {
        for (method, path, id) in [
            ("GET", "/", "GetRoot"),
            ("POST", "/orders", "PostOrders"),
            ("GET", "/orders/{id}", "GetOrdersById"),
            ("ANY", "/{path+}", "AnyAllPath"),
        ] {
            assert_eq!(event_id(method, path), id);
        }
        let mut events = Vec::new();
        for _ in 0..3 {
            insert(&mut events, "GetAB".to_owned(), Node::Flag(true));
        }
        assert_eq!(events.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["GetAB", "GetAB2", "GetAB3"]);
    }
}
