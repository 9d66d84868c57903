use crate::error::Finding;
use pikku_manifest::{Group, Http, Manifest, Wiring, WiringKind};

/// The app's groups share one HTTP API, yet each bundle has a router of its own: paths must fit together within a group,
/// and no two groups may claim the same requests.
pub(super) fn check(manifest: &Manifest, findings: &mut Vec<Finding>) {
    let mut claimed: Vec<(Option<&str>, String, &Group, &Wiring)> = Vec::new();
    for group in &manifest.groups {
        let mut paths: matchit::Router<&Wiring> = matchit::Router::new();
        for wiring in &group.wirings {
            let WiringKind::Http(http) = &wiring.kind else { continue };
            if !method(http, wiring, findings) {
                continue;
            }
            if let Err(finding) = path(http, wiring, &mut paths) {
                findings.push(finding);
                continue;
            }
            let shape = shape(&http.path);
            let taken = claimed
                .iter()
                .find(|(method, other, ..)| *method == http.method.as_deref() && *other == shape)
                .map(|(.., group, wiring)| (*group, *wiring));
            match taken {
                Some((other, first)) => findings.push(conflict(wiring, first, other)),
                None => claimed.push((http.method.as_deref(), shape, group, wiring)),
            }
        }
    }
}

fn conflict(wiring: &Wiring, first: &Wiring, group: &Group) -> Finding {
    let place = format!("{}:{}", first.location.file, first.location.line);
    Finding::new(
        "PK0202",
        Some(&wiring.location),
        format!(
            "`{}` answers the same requests as `{}` of group `{}` ({place})",
            route(wiring),
            route(first),
            group.name
        ),
        "remove one of the two, or give it another method or path",
    )
}

/// The path must be one that the router takes beside the others of its group.
fn path<'m>(http: &Http, wiring: &'m Wiring, paths: &mut matchit::Router<&'m Wiring>) -> Result<(), Finding> {
    let refuse = |reason: String, hint: &str| Finding::new("PK0201", Some(&wiring.location), reason, hint);
    if !http.path.starts_with('/') {
        return Err(refuse(
            format!("the path `{}` does not begin with `/`", http.path),
            &format!("write `/{}`", http.path),
        ));
    }
    if http.path.split('/').any(|segment| segment.starts_with(':') || segment == "*") {
        return Err(refuse(
            format!("the path `{}` has a parameter in a form that is not known", http.path),
            "write `{id}` for a segment and `{*rest}` for the rest of the path",
        ));
    }
    if http.path.contains(['?', '#']) || http.path.chars().any(char::is_whitespace) {
        return Err(refuse(
            format!("the path `{}` holds a character that no path can", http.path),
            "query values need no place in the path: they become fields of the input by their names",
        ));
    }
    match paths.insert(http.path.as_str(), wiring) {
        Ok(()) => Ok(()),
        // The same path with another method is one entry of the router.
        Err(matchit::InsertError::Conflict { with }) if with == http.path => Ok(()),
        Err(matchit::InsertError::Conflict { with }) => Err(Finding::new(
            "PK0202",
            Some(&wiring.location),
            format!("the path `{}` cannot stand beside `{with}`, which a request could mean as well", http.path),
            "give the parameter the same name in both, or change one of the paths",
        )),
        Err(matchit::InsertError::InvalidParamSegment) => Err(refuse(
            format!("the path `{}` has two parameters in one segment", http.path),
            "put a `/` between them, or take the segment as one parameter",
        )),
        Err(matchit::InsertError::InvalidCatchAll) => Err(refuse(
            format!("in the path `{}` something follows the rest of the path", http.path),
            "put `{*rest}` at the end",
        )),
        Err(_) => Err(refuse(
            format!("the path `{}` has a parameter without a name, or braces that do not match", http.path),
            "write `{id}` for a segment and `{*rest}` for the rest of the path; `{{` and `}}` are the characters",
        )),
    }
}

fn method(http: &Http, wiring: &Wiring, findings: &mut Vec<Finding>) -> bool {
    let Some(method) = &http.method else { return true };
    let valid = !method.is_empty() && method.chars().all(|c| c.is_ascii_uppercase() || c == '-');
    if !valid {
        findings.push(Finding::new(
            "PK0204",
            Some(&wiring.location),
            format!("`{method}` is no HTTP method"),
            "use one of `get`, `post`, `put`, `patch`, `delete`, `head`, `options` or `any`",
        ));
    }
    valid
}

/// The path with its parameters' names left out: two paths of one shape match the same requests.
fn shape(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(open) = rest.find('{') {
        out.push_str(&rest[..open]);
        rest = &rest[open..];
        if rest.starts_with("{{") {
            out.push_str("{{");
            rest = &rest[2..];
        } else {
            out.push_str(if rest.starts_with("{*") { "{*}" } else { "{}" });
            rest = rest.find('}').map_or("", |close| &rest[close + 1..]);
        }
    }
    out.push_str(rest);
    out
}

fn route(wiring: &Wiring) -> &str {
    wiring.id.strip_prefix("http:").unwrap_or(&wiring.id)
}
