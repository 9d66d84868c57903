use std::net::IpAddr;

/// Whether what is said to an endpoint is for it alone: over https, or to this machine, which goes over no network. `host` is a
/// name or an address, one of IPv6 with brackets or without.
pub fn is_confidential(scheme: &str, host: &str) -> bool {
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    let is_here = host == "localhost" || address.is_ok_and(|address| address.is_loopback());
    scheme == "https" || scheme == "http" && is_here
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_the_clear_there_is_this_machine_alone() {
        for (scheme, host) in
            [("https", "a.example"), ("http", "localhost"), ("http", "127.0.0.7"), ("http", "[::1]"), ("http", "::1")]
        {
            assert!(is_confidential(scheme, host), "{scheme} {host}");
        }
        for (scheme, host) in [
            ("http", "a.example"),
            ("http", "127.0.0.1.example"),
            ("http", "localhost.example"),
            ("http", "2130706433"),
            ("http", "10.0.0.1"),
            ("ftp", "localhost"),
            ("", "localhost"),
        ] {
            assert!(!is_confidential(scheme, host), "{scheme} {host}");
        }
    }
}
