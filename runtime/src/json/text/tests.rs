use super::*;
use fastrand::Rng;

#[test]
fn a_member_given_twice_is_refused() {
    assert_eq!(parse(br#"{"a":{"b":[1,2.5,null,"x"]}}"#).unwrap().to_string(), r#"{"a":{"b":[1,2.5,null,"x"]}}"#);
    let error = parse(br#"{"a":1,"b":{"c":1,"\u0063" :1}}"#).unwrap_err().to_string();
    assert_eq!(error, "the member `c` is given twice at line 1 column 26");
}

#[test]
fn nesting_is_limited() {
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert!(parse(deep(127).as_bytes()).is_ok());
    for levels in [128, 100_000] {
        let error = parse(deep(levels).as_bytes()).unwrap_err().to_string();
        assert_eq!(error, "recursion limit exceeded at line 1 column 128");
    }
}

#[test]
fn numbers_keep_what_64_bits_hold() {
    for number in ["9007199254740993", "18446744073709551615", "-9223372036854775808", "-0.0", "0.1", "1e-7"] {
        assert_eq!(parse(number.as_bytes()).unwrap().to_string(), number);
    }
    assert_eq!(parse(b"18446744073709551616").unwrap(), serde_json::json!(18_446_744_073_709_551_616.0));
    assert_eq!(parse(b"-0").unwrap().to_string(), "-0.0");
    assert_eq!(parse(b"1e400").unwrap_err().to_string(), "number out of range at line 1 column 5");
}

/// Texts with everything in them that JSON has.
const TEXTS: [&str; 9] = [
    r#"{"id": 1, "name": "Ada \u00e9\ud83d\ude00 \n\"x\"", "tags": ["a", "b", []], "none": null, "yes": true, "no": false}"#,
    "[0, -0, 1.5, -2.25e+10, 3E-7, 18446744073709551615, -9223372036854775808, 123456789012345678901234567890]",
    "  {\r\n\t\"a\" : [ { } , { \"b\" : [ [ ] ] } ] ,\n\n \"c\" : 1.0e308 }\n",
    r#"["\\\/\b\f\r\t", "é ← 😀", "\uD834\uDD1E", ""]"#,
    "[2.2250738585072011e-308, 5e-324, 1.7976931348623157e308, 9007199254740993.0, 0.1e1]",
    r#"{"a":{"b":{"c":{"d":{"e":[1,[2,[3,[4]]]]}}}}}"#,
    "null",
    r#""text""#,
    "-12.5",
];

/// What `serde_json` makes of a text.
fn by_serde(text: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(text).map_err(|error| error.to_string())
}

#[test]
fn every_text_is_read_as_serde_json_reads_it() {
    const INTERESTING: &[u8] = b"{}[]:,\"\\/u0123456789abcdefDd8CcEe+-.ntrl \n\t\x00\x1f\x7f\xc3\xa9\xff\xed\xa0\x80";
    let mut random = Rng::with_seed(1);
    let (mut taken, mut refused) = (0, 0);
    for round in 0..300_000 {
        let mut text = TEXTS[round % TEXTS.len()].as_bytes().to_vec();
        for _ in 0..random.usize(0..4) {
            let at = random.usize(0..=text.len());
            let octet = INTERESTING[random.usize(0..INTERESTING.len())];
            match random.u8(0..5) {
                0 => text.insert(at, octet),
                1 if at < text.len() => text[at] = octet,
                2 if at < text.len() => drop(text.remove(at)),
                3 => text.truncate(at),
                _ => {
                    let piece = text[..at].to_vec();
                    text.extend(piece);
                }
            }
        }
        let ours = parse(&text).map_err(|error| error.to_string());
        let theirs = by_serde(&text);
        // `serde_json` takes a member given twice, is not exact on where a string with escapes is not UTF-8, and stops
        // within a number whose exponent is over 2^31.
        let known = |error: &str| match &theirs {
            Ok(_) => error.contains("is given twice"),
            Err(theirs) => {
                let both = |text: &str| error.starts_with(text) && theirs.starts_with(text);
                error.contains("is given twice")
                    || both("number out of range")
                    || (both("invalid unicode") && text.contains(&b'\\'))
            }
        };
        if matches!(&ours, Err(error) if known(error)) {
            continue;
        }
        let shown = String::from_utf8_lossy(&text);
        assert_eq!(ours, theirs, "{shown}");
        // Equal values may still be printed otherwise, as 0 and -0 are.
        if let (Ok(ours), Ok(theirs)) = (&ours, &theirs) {
            assert_eq!(ours.to_string(), theirs.to_string(), "{shown}");
        }
        if ours.is_ok() { taken += 1 } else { refused += 1 }
    }
    assert!(taken > 10_000 && refused > 10_000, "{taken} taken, {refused} refused");
}
