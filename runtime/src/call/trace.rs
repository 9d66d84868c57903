//! The trace of a call as it goes on with messages: W3C's Trace Context, which every platform can carry as text.

/// The name of the header, and of the attribute of a message, that carries a trace (W3C Trace Context, section 3.2).
pub(crate) const TRACEPARENT: &str = "traceparent";

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
fn is_traceparent(trace: &str) -> bool {
    let mut parts = trace.split('-');
    let mut digits = |count: usize| {
        let hex = |part: &str| part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        parts.next().is_some_and(|part| part.len() == count && hex(part))
    };
    digits(2) && digits(32) && digits(16) && digits(2) && trace.len() <= 512
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
        for other in
            ["", "abc", "Root=1-5759e988-bd862e3fe1be46a994272793", "00-xyz-b7ad6b7169203331-01", "Root=1-ä-b;Parent=c"]
        {
            assert_eq!(traceparent(other), None, "{other}");
        }
    }
}
