//! The trace of a call as it goes on with messages: W3C's Trace Context, which every platform can carry as text.

/// The name of the header, and of the attribute of a message, that carries a trace (W3C Trace Context, section 3.2).
pub(crate) const TRACEPARENT: &str = "traceparent";
/// The same of what the systems say of a trace that it has come through (section 3.3).
pub(crate) const TRACESTATE: &str = "tracestate";
/// The most of that which goes on, in characters and in members (sections 3.3.1.5 and 3.3.1.1).
const LONGEST_STATE: usize = 512;
const MOST_MEMBERS: usize = 32;

/// A trace as W3C writes it: one that arrived so, as it is, and one of AWS X-Ray with its ids in the other form
/// ("Tracing header" of the X-Ray developer guide: `Root=1-<8 digits>-<24 digits>;Parent=<16 digits>;Sampled=<0 or 1>`).
pub(crate) fn traceparent(trace: &str) -> Option<String> {
    if is_traceparent(trace) {
        return Some(trace.to_owned());
    }
    let field = |name: &str| trace.split(';').find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='));
    let (time, random) = field("Root")?.strip_prefix("1-")?.split_once('-')?;
    let parent = field("Parent")?;
    let flags = if field("Sampled") == Some("1") { "01" } else { "00" };
    let made = format!("00-{time}{random}-{parent}-{flags}").to_ascii_lowercase();
    is_traceparent(&made).then_some(made)
}

/// Whether it is `<2 digits>-<32 digits>-<16 digits>-<2 digits>`, perhaps with what later versions add.
pub(super) fn is_traceparent(trace: &str) -> bool {
    let mut parts = trace.split('-');
    let mut digits = |count: usize| {
        let hex = |part: &str| part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        parts.next().is_some_and(|part| part.len() == count && hex(part))
    };
    digits(2) && digits(32) && digits(16) && digits(2) && trace.len() <= 512
}

/// Whether two traces, as W3C writes them, have the same id.
pub(crate) fn is_same_trace(one: &str, other: &str) -> bool {
    is_traceparent(one) && is_traceparent(other) && one.get(3..35) == other.get(3..35)
}

/// A state as it goes on, of the values of its headers: whole members, as many of the first as may be. What is none is
/// dropped whole, as section 3.3 has it.
pub(crate) fn tracestate<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Option<String> {
    let mut state = String::new();
    let mut members = 0;
    for value in values {
        let value =
            str::from_utf8(value).ok().filter(|value| value.bytes().all(|b| matches!(b, b' '..=b'~' | b'\t')))?;
        for member in
            value.split(',').map(|member| member.trim_matches([' ', '\t'])).filter(|member| !member.is_empty())
        {
            members += 1;
            if members > MOST_MEMBERS || state.len() + 1 + member.len() > LONGEST_STATE {
                return Some(state).filter(|state| !state.is_empty());
            }
            if !state.is_empty() {
                state.push(',');
            }
            state.push_str(member);
        }
    }
    Some(state).filter(|state| !state.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_goes_on_in_one_form() {
        let w3c = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert_eq!(traceparent(w3c).as_deref(), Some(w3c));
        let xray = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995C3F42CD8AD8;Sampled=1;Lineage=a87bd80c:0";
        assert_eq!(traceparent(xray).as_deref(), Some("00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01"));
        let unsampled = "Root=1-5759e988-bd862e3fe1be46a994272793; Parent=53995c3f42cd8ad8";
        assert_eq!(traceparent(unsampled).as_deref(), Some("00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-00"));
        assert!(is_same_trace(w3c, "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-00"));
        assert!(
            !is_same_trace(w3c, "00-4bf92f3577b34da6a3ce929d0e0e4736-b7ad6b7169203331-01") && !is_same_trace("", "")
        );
        for other in
            ["", "abc", "Root=1-5759e988-bd862e3fe1be46a994272793", "00-xyz-b7ad6b7169203331-01", "Root=1-ä-b;Parent=c"]
        {
            assert_eq!(traceparent(other), None, "{other}");
        }
    }

    #[test]
    fn what_systems_say_of_a_trace_goes_on_as_whole_members() {
        let state = |values: &[&[u8]]| tracestate(values.iter().copied());
        assert_eq!(state(&[b"a=1"]).as_deref(), Some("a=1"));
        assert_eq!(state(&[b"a=1 ,\tb@c=2,,", b"d=x y"]).as_deref(), Some("a=1,b@c=2,d=x y"));
        for none in [&b""[..], b" , ", b"b=\xe4", b"a=1\nb: c", b"a=\x7f"] {
            assert_eq!((state(&[none]), state(&[])), (None, None), "{none:?}");
        }
        assert_eq!(state(&[b"a=1", b"b=\xe4"]), None);
        let long = format!("a={},b={},c=1", "x".repeat(300), "y".repeat(300));
        assert_eq!(state(&[long.as_bytes()]).as_deref(), Some(&*format!("a={}", "x".repeat(300))));
        assert_eq!(state(&["z".repeat(513).as_bytes()]), None);
        assert_eq!(state(&["a=1,".repeat(40).as_bytes()]).map(|state| state.split(',').count()), Some(32));
    }
}
