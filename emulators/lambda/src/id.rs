//! Identifiers in the forms that AWS gives them. They are random, not secret.

use crate::clock::Moment;
use std::fmt::Write as _;

/// Lower-case hexadecimal digits.
pub(crate) fn hex(digits: usize) -> String {
    let mut text = String::with_capacity(digits);
    for _ in 0..digits {
        text.push(char::from_digit(fastrand::u32(0..16), 16).unwrap_or('0'));
    }
    text
}

/// A UUID of version 4, which is what a request id is.
pub(crate) fn uuid() -> String {
    let bits = fastrand::u128(..) & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
    let plain = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &plain[..8], &plain[8..12], &plain[12..16], &plain[16..20], &plain[20..])
}

/// A trace header that says the trace is not sampled.
pub(crate) fn trace() -> String {
    format!("Root=1-{:08x}-{};Parent={};Sampled=0", Moment::now().epoch_seconds(), hex(24), hex(16))
}

/// The log stream of one sandbox.
pub(crate) fn log_stream() -> String {
    let mut name = Moment::now().log_stream_date();
    let _ = write!(name, "/[$LATEST]{}", hex(32));
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_id_is_a_uuid_of_version_4() {
        for _ in 0..100 {
            let id = uuid();
            assert_eq!(id.len(), 36);
            let parts: Vec<&str> = id.split('-').collect();
            assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
            assert!(parts[2].starts_with('4'), "{id}");
            assert!(parts[3].starts_with(['8', '9', 'a', 'b']), "{id}");
        }
        assert_ne!(uuid(), uuid());
    }

    #[test]
    fn a_trace_header_has_its_three_parts() {
        let header = trace();
        let parts: Vec<&str> = header.split(';').collect();
        assert_eq!(parts[0].len(), "Root=1-".len() + 8 + 1 + 24, "{header}");
        assert_eq!(parts[1].len(), "Parent=".len() + 16, "{header}");
        assert_eq!(parts[2], "Sampled=0");
    }
}
