use crate::{
    app::RouteWiring,
    http::{Method, Route},
};
use std::{
    fmt,
    ops::{Deref, Range},
    slice,
};

/// Routes by path, then by method.
///
/// Paths match as in axum: case sensitive, a trailing slash is a different path, `{*rest}` is not empty.
#[derive(Debug)]
pub(super) struct Router {
    paths: matchit::Router<usize>,
    entries: Vec<Entry>,
}

#[derive(Debug, Default)]
struct Entry {
    path: &'static str,
    methods: Vec<(Method, Found)>,
    any: Option<Found>,
}

/// A route that was found.
#[derive(Debug)]
pub(super) struct Found {
    /// As it is wired.
    pub(super) path: &'static str,
    pub(super) endpoint: usize,
    /// The number of the wiring.
    pub(super) wiring: usize,
    pub(super) timeout_ms: Option<u32>,
    pub(super) status: Option<u16>,
    pub(super) fields: Vec<crate::http::FieldSource>,
    #[cfg(feature = "rpc")]
    pub(super) rpc: bool,
}

/// A parameter of a path, and where its value is in it, in its canonical form.
type Param<'r> = (&'r str, Range<usize>);

/// The parameters of a path. Most have one or none, which is kept without memory of its own.
#[derive(Debug, Default)]
pub(crate) enum Params<'r> {
    #[default]
    None,
    One(Param<'r>),
    Several(Vec<Param<'r>>),
}

impl<'r> Deref for Params<'r> {
    type Target = [Param<'r>];

    fn deref(&self) -> &[Param<'r>] {
        match self {
            Self::None => &[],
            Self::One(one) => slice::from_ref(one),
            Self::Several(several) => several,
        }
    }
}

impl<'r> FromIterator<Param<'r>> for Params<'r> {
    fn from_iter<I: IntoIterator<Item = Param<'r>>>(params: I) -> Self {
        let mut params = params.into_iter();
        match (params.next(), params.next()) {
            (None, _) => Self::None,
            (Some(one), None) => Self::One(one),
            (Some(first), Some(second)) => Self::Several([first, second].into_iter().chain(params).collect()),
        }
    }
}

/// Where a request belongs.
pub(super) enum Routed<'r> {
    /// To this route, with the path's parameters.
    Found(&'r Found, Params<'r>),
    /// To this path, which takes other methods: the value of `Allow`.
    WrongMethod(String),
    /// Nowhere.
    Nothing,
}

#[cfg(feature = "unrouted")]
impl Routed<'_> {
    /// What a request is answered that no route takes.
    pub(super) fn into_problem(self) -> crate::Problem {
        match self {
            Self::WrongMethod(allow) => crate::Problem::method_not_allowed(allow),
            Self::Found(..) | Self::Nothing => crate::Problem::no_route(),
        }
    }
}

/// Two routes that cannot be told apart, or a path that is none.
#[derive(Debug)]
pub struct RouteConflict {
    route: String,
    reason: String,
}

impl fmt::Display for RouteConflict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the route `{}` {}", self.route, self.reason)
    }
}

impl Router {
    pub(super) fn new(wirings: Vec<RouteWiring>) -> Result<Self, RouteConflict> {
        let mut paths = matchit::Router::new();
        let mut entries: Vec<Entry> = Vec::new();
        for (wiring, RouteWiring { route, endpoint, .. }) in wirings.into_iter().enumerate() {
            let refuse = |reason: String| RouteConflict { route: describe(&route), reason };
            if !route.path.starts_with('/') {
                return Err(refuse("does not begin with `/`".into()));
            }
            // Only a path that is taken is looked for among the others, the last ones first: methods of one path are
            // mostly wired one after another.
            let entry = match paths.insert(route.path, entries.len()) {
                Ok(()) => {
                    entries.push(Entry { path: route.path, ..Entry::default() });
                    entries.len() - 1
                }
                Err(error) => match entries.iter().rposition(|entry| entry.path == route.path) {
                    Some(known) => known,
                    None => return Err(refuse(format!("is refused: {error}"))),
                },
            };
            let entry = &mut entries[entry];
            let found = Found {
                path: route.path,
                endpoint,
                wiring,
                timeout_ms: route.timeout_ms,
                status: route.status,
                fields: route.fields.clone(),
                #[cfg(feature = "rpc")]
                rpc: route.rpc,
            };
            match &route.method {
                Some(method) if entry.methods.iter().any(|(known, _)| known == method) => {
                    return Err(refuse("is wired twice".into()));
                }
                Some(method) => entry.methods.push((method.clone(), found)),
                None if entry.any.is_some() => return Err(refuse("is wired twice".into())),
                None => entry.any = Some(found),
            }
        }
        Ok(Self { paths, entries })
    }

    /// Whether a route takes this path, in its canonical form, with some method.
    pub(super) fn has(&self, path: &str) -> bool {
        self.paths.at(path).is_ok()
    }

    /// Where a request to this path, in its canonical form, belongs.
    pub(super) fn find(&self, method: &Method, path: &str) -> Routed<'_> {
        let Ok(matched) = self.paths.at(path) else { return Routed::Nothing };
        let entry = &self.entries[*matched.value];
        let of = |method: &Method| entry.methods.iter().find(|(known, _)| known == method).map(|(_, found)| found);
        let found = of(method).or_else(|| if method == Method::HEAD { of(&Method::GET) } else { None });
        match found.or(entry.any.as_ref()) {
            Some(found) => {
                // The values are parts of the path.
                let at = |value: &str| value.as_ptr().addr().wrapping_sub(path.as_ptr().addr());
                let params = matched.params.iter();
                let params = params.map(|(name, value)| (name, at(value)..at(value).wrapping_add(value.len())));
                Routed::Found(found, params.collect())
            }
            None => Routed::WrongMethod(entry.allow()),
        }
    }
}

impl Entry {
    fn allow(&self) -> String {
        allow(self.methods.iter().map(|(method, _)| method))
    }
}

/// The methods taken, as `Allow` lists them (RFC 9110, section 10.2.1).
pub(super) fn allow<'m>(taken: impl Iterator<Item = &'m Method>) -> String {
    let mut methods: Vec<&str> = Vec::new();
    // Put in order one by one: a bundle is 4 kB smaller without the library's sort.
    let mut add = |method| {
        if let Err(place) = methods.binary_search(&method) {
            methods.insert(place, method);
        }
    };
    for method in taken {
        add(method.as_str());
        if *method == Method::GET {
            add(Method::HEAD.as_str());
        }
    }
    methods.join(", ")
}

fn describe(route: &Route) -> String {
    format!("{} {}", route.method.as_ref().map_or("*", Method::as_str), route.path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{any, get, post};

    fn router(routes: &[Route]) -> Router {
        let wirings =
            routes.iter().cloned().enumerate().map(|(endpoint, route)| RouteWiring { route, endpoint, group: 0 });
        Router::new(wirings.collect()).unwrap()
    }

    fn find(router: &Router, method: Method, path: &str) -> String {
        match router.find(&method, path) {
            Routed::Found(found, params) => {
                let value = |range: &Range<usize>| crate::http::unescape(&path[range.clone()]).into_owned();
                let params: Vec<_> = params.iter().map(|(name, range)| (name, value(range))).collect();
                format!("{} {params:?}", found.endpoint)
            }
            Routed::WrongMethod(allow) => allow,
            Routed::Nothing => "nothing".into(),
        }
    }

    #[test]
    fn routes_as_axum_does() {
        let router = router(&[get("/a"), post("/a"), get("/a/{id}"), get("/f/{*rest}"), post("/only")]);
        assert_eq!(find(&router, Method::GET, "/a"), "0 []");
        assert_eq!(find(&router, Method::HEAD, "/a"), "0 []");
        assert_eq!(find(&router, Method::POST, "/a"), "1 []");
        assert_eq!(find(&router, Method::DELETE, "/a"), "GET, HEAD, POST");
        assert_eq!(find(&router, Method::HEAD, "/only"), "POST");
        assert_eq!(find(&router, Method::GET, "/a/x%2Fy"), r#"2 [("id", "x/y")]"#);
        assert_eq!(find(&router, Method::GET, "/f/b/c"), r#"3 [("rest", "b/c")]"#);
        assert!(router.has("/only") && router.has("/f/b/c"));
        for nowhere in ["/A", "/a/", "/a/b/", "/f/", "/f", "/", ""] {
            assert_eq!(find(&router, Method::GET, nowhere), "nothing", "{nowhere}");
            assert!(!router.has(nowhere));
        }
    }

    #[test]
    fn any_takes_what_no_method_does() {
        let router = router(&[any("/"), get("/")]);
        assert_eq!(find(&router, Method::GET, "/"), "1 []");
        assert_eq!(find(&router, Method::PUT, "/"), "0 []");
    }

    #[test]
    fn conflicts_name_the_route() {
        let conflict = |routes: [Route; 2]| {
            let wirings = routes.into_iter().map(|route| RouteWiring { route, endpoint: 0, group: 0 });
            Router::new(wirings.collect()).unwrap_err().to_string()
        };
        assert_eq!(conflict([get("/a"), get("/a")]), "the route `GET /a` is wired twice");
        assert!(conflict([get("/a/{x}"), get("/a/{y}")]).starts_with("the route `GET /a/{y}` is refused"));
        assert_eq!(conflict([get("/a"), get("b")]), "the route `GET b` does not begin with `/`");
    }
}
