//! Times as the host writes them.

/// Milliseconds since the Unix epoch of a time of RFC 3339, which the host also writes without a zone where it is UTC
/// (`2026-02-28T23:59:59.999`); `None` where it is no time after the epoch.
pub(crate) fn epoch_ms(text: &str) -> Option<u64> {
    let (date, time) = text.split_once('T')?;
    let (time, offset_min) = match time.strip_suffix('Z') {
        Some(time) => (time, 0),
        None => match time.rfind(['+', '-']) {
            Some(at) => {
                let (hour, minute) = time[at + 1..].split_once(':')?;
                let minutes = number(hour, 23)? * 60 + number(minute, 59)?;
                (&time[..at], if time[at..].starts_with('+') { minutes } else { -minutes })
            }
            None => (time, 0),
        },
    };
    let (clock, fraction) = time.split_once('.').unwrap_or((time, ""));
    let mut date = date.splitn(3, '-');
    let (year, month, day) = (number(date.next()?, 9999)?, number(date.next()?, 12)?, number(date.next()?, 31)?);
    let mut clock = clock.splitn(3, ':');
    let (hour, minute, second) = (number(clock.next()?, 23)?, number(clock.next()?, 59)?, number(clock.next()?, 60)?);
    let ms = if fraction.is_empty() { 0 } else { number(&format!("{fraction:0<3}")[..3], 999)? };
    let seconds = days(year, month, day) * 86_400 + hour * 3600 + (minute - offset_min) * 60 + second;
    u64::try_from(seconds * 1000 + ms).ok()
}

fn number(digits: &str, most: i64) -> Option<i64> {
    let plain = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    if plain { digits.parse().ok().filter(|number| *number <= most) } else { None }
}

/// Days from the Unix epoch to a date. Years are counted from March, so that the leap day is the last of its year: Howard
/// Hinnant, "chrono-compatible low-level date algorithms".
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The milliseconds of a .NET time span, `[d.]hh:mm:ss[.fffffff]`; `None` where it is none, or not above zero, as `-1`.
pub(crate) fn span_ms(text: &str) -> Option<u64> {
    let mut parts = text.splitn(3, ':');
    let (first, minutes, seconds) = (parts.next()?, parts.next()?, parts.next()?);
    let (days, hours) = first.split_once('.').unwrap_or(("0", first));
    let (seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
    let ms = if fraction.is_empty() { 0 } else { number(&format!("{fraction:0<3}")[..3], 999)? };
    let hours = number(days, 10_000)? * 24 + number(hours, 23)?;
    let seconds = hours * 3600 + number(minutes, 59)? * 60 + number(seconds, 59)?;
    u64::try_from(seconds * 1000 + ms).ok().filter(|ms| *ms > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_every_form_of_the_hosts() {
        assert_eq!(epoch_ms("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(epoch_ms("2024-02-29T23:59:59.25Z"), Some(1_709_251_199_250));
        assert_eq!(epoch_ms("2019-10-09T17:58:31+00:00"), Some(1_570_643_911_000));
        assert_eq!(epoch_ms("2026-02-28T23:59:59.999"), Some(1_772_323_199_999));
        assert_eq!(epoch_ms("2024-02-19T15:11:32+01:00"), epoch_ms("2024-02-19T14:11:32Z"));
        assert_eq!(epoch_ms("2024-02-19T15:11:32-01:30"), epoch_ms("2024-02-19T16:41:32.0000001Z"));
        for none in [
            "soon",
            "",
            "2024-02-19",
            "2024-13-01T00:00:00Z",
            "2024-01-01T00:00Z",
            "1969-12-31T23:59:59Z",
            "é-é-éTé:é:é",
        ] {
            assert_eq!(epoch_ms(none), None, "{none}");
        }
    }

    #[test]
    fn spans_are_those_of_host_json() {
        assert_eq!(span_ms("00:05:00"), Some(300_000));
        assert_eq!(span_ms("1.00:00:00.5"), Some(86_400_500));
        for none in ["-1", "00:00:00", "5", "00:05", "-00:05:00"] {
            assert_eq!(span_ms(none), None, "{none}");
        }
    }
}
