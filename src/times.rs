//! Times and durations as people type them: `--from 7d`, `--recover 30s`. All in UTC; what time it is now is a parameter.

use std::time::Duration;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, SecondsFormat, TimeDelta, Utc};

use crate::model::Timestamp;

/// A text that is no time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// It has none of the forms.
    #[error(
        "`{text}` is not a time: write `2026-11-20T12:00:00Z`, `2026-11-20`, `now`, `today`, `yesterday` or an age such as `90m`, `6h`, `7d`, `4w`"
    )]
    Unreadable {
        /// What was typed.
        text: String,
    },
    /// It lies outside of what a time can hold.
    #[error("`{text}` is too far away to be a time")]
    OutOfRange {
        /// What was typed.
        text: String,
    },
}

/// A text that is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// It has not the form.
    #[error("`{text}` is not a duration: write `30s`, `10m`, `1h30m`, `2d` or `250ms`")]
    Unreadable {
        /// What was typed.
        text: String,
    },
    /// It is longer than a duration can be.
    #[error("`{text}` is too long a duration")]
    OutOfRange {
        /// What was typed.
        text: String,
    },
}

/// Reads a time: RFC 3339, a date (its first moment in UTC), `now`, `today`, `yesterday`, or an age before `now`.
///
/// # Errors
/// [`TimeError`] where the text is none of these.
pub fn parse_time(text: &str, now: Timestamp) -> Result<Timestamp, TimeError> {
    let trimmed = text.trim();
    let out_of_range = || TimeError::OutOfRange { text: text.to_owned() };
    match trimmed {
        "now" => return Ok(now),
        "today" => return Ok(midnight(now.date_naive())),
        "yesterday" => {
            let day = now.date_naive().checked_sub_days(Days::new(1)).ok_or_else(out_of_range)?;
            return Ok(midnight(day));
        }
        _ => {}
    }
    if let Ok(day) = NaiveDate::parse_from_str(trimmed, "%Y-%m-%d") {
        return Ok(midnight(day));
    }
    if let Ok(time) = DateTime::parse_from_rfc3339(trimmed) {
        let time = time.with_timezone(&Utc);
        return DateTime::from_timestamp_micros(time.timestamp_micros()).ok_or_else(out_of_range);
    }
    match parse_duration(trimmed) {
        Ok(age) => TimeDelta::from_std(age)
            .ok()
            .and_then(|age| now.checked_sub_signed(age))
            .ok_or_else(out_of_range),
        Err(DurationError::OutOfRange { .. }) => Err(out_of_range()),
        Err(DurationError::Unreadable { .. }) => {
            Err(TimeError::Unreadable { text: text.to_owned() })
        }
    }
}

/// Writes a time as RFC 3339 in UTC, with as many decimals as it needs: `2026-11-20T12:00:00Z`.
#[must_use]
pub fn format_time(time: Timestamp) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// The units, longest first, in milliseconds. A duration names each at most once, in this order.
const UNITS: [(&str, u64); 6] = [
    ("w", 7 * 24 * 3_600_000),
    ("d", 24 * 3_600_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Reads a duration such as `30s`, `10m`, `1h30m`, `2d`: whole numbers with units, the longest first.
///
/// # Errors
/// [`DurationError`] where the text is none.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let unreadable = || DurationError::Unreadable { text: text.to_owned() };
    let out_of_range = || DurationError::OutOfRange { text: text.to_owned() };
    let mut rest = text.trim();
    let mut milliseconds = 0_u64;
    let mut units = UNITS.iter();
    if rest.is_empty() {
        return Err(unreadable());
    }
    while !rest.is_empty() {
        let (digits, after) = split_while(rest, |c| c.is_ascii_digit());
        let (unit, after) = split_while(after, |c| c.is_ascii_alphabetic());
        let (_, length) = units.find(|(name, _)| *name == unit).ok_or_else(unreadable)?;
        if digits.is_empty() {
            return Err(unreadable());
        }
        let count: u64 = digits.parse().map_err(|_| out_of_range())?;
        milliseconds = count
            .checked_mul(*length)
            .and_then(|part| milliseconds.checked_add(part))
            .ok_or_else(out_of_range)?;
        rest = after;
    }
    Ok(Duration::from_millis(milliseconds))
}

/// Writes a duration so that [`parse_duration`] reads it: `1h30m`, `0s`. What is below a millisecond is cut.
#[must_use]
pub fn format_duration(duration: Duration) -> String {
    let mut rest = duration.as_millis();
    let mut parts = Vec::new();
    for (unit, length) in UNITS.iter().skip(1) {
        let count = rest / u128::from(*length);
        rest %= u128::from(*length);
        if count > 0 {
            parts.push(format!("{count}{unit}"));
        }
    }
    if parts.is_empty() { "0s".to_owned() } else { parts.concat() }
}

fn midnight(day: NaiveDate) -> Timestamp {
    day.and_time(NaiveTime::MIN).and_utc()
}

fn split_while(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !belongs(c)).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        DateTime::parse_from_rfc3339(text).unwrap().with_timezone(&Utc)
    }

    fn now() -> Timestamp {
        at("2026-11-20T15:04:05.250Z")
    }

    #[test]
    fn each_form_of_a_time_is_read() {
        for (text, expected) in [
            ("2026-11-20T12:00:00Z", "2026-11-20T12:00:00Z"),
            ("2026-11-20T12:00:00.1234567+02:00", "2026-11-20T10:00:00.123456Z"),
            ("2026-11-20", "2026-11-20T00:00:00Z"),
            ("now", "2026-11-20T15:04:05.250Z"),
            ("today", "2026-11-20T00:00:00Z"),
            ("yesterday", "2026-11-19T00:00:00Z"),
            ("90m", "2026-11-20T13:34:05.250Z"),
            ("6h", "2026-11-20T09:04:05.250Z"),
            ("7d", "2026-11-13T15:04:05.250Z"),
            (" 4w ", "2026-10-23T15:04:05.250Z"),
        ] {
            assert_eq!(parse_time(text, now()), Ok(at(expected)), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_told_with_examples() {
        for text in ["", "7", "d", "7x", "2026-13-01", "2026-11-20T12:00:00", "-7d", "tomorrow"] {
            let error = parse_time(text, now()).unwrap_err();
            assert_eq!(error, TimeError::Unreadable { text: text.to_owned() });
            assert!(error.to_string().contains("`7d`"), "{error}");
        }
        assert!(matches!(parse_time("99999999999w", now()), Err(TimeError::OutOfRange { .. })));
        let age = "99999999999999999999999d";
        assert!(matches!(parse_time(age, now()), Err(TimeError::OutOfRange { .. })));
    }

    #[test]
    fn durations_name_each_unit_once_and_the_longest_first() {
        for (text, seconds) in [("30s", 30), ("10m", 600), ("1h30m", 5_400), ("2d", 172_800)] {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)));
        }
        assert_eq!(parse_duration("1s5ms"), Ok(Duration::from_millis(1_005)));
        for text in ["", "30", "s", "30m1h", "1h1h", "1 h", "1.5h", "-1s", "1é"] {
            assert!(
                matches!(parse_duration(text), Err(DurationError::Unreadable { .. })),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in "\\PC{0,40}", seconds in -60_000_000_000_i64..60_000_000_000) {
            let now = DateTime::from_timestamp(seconds, 0).unwrap();
            let _ = parse_time(&text, now);
            let _ = parse_duration(&text);
        }

        #[test]
        fn ages_of_any_size_are_read_or_refused(count in 0_u64..u64::MAX, unit in "[smhdw]") {
            let _ = parse_time(&format!("{count}{unit}"), now());
        }

        #[test]
        fn a_time_survives_being_written(micros in -62_135_596_800_000_000_i64..253_402_300_800_000_000) {
            let time = DateTime::from_timestamp_micros(micros).unwrap();
            prop_assert_eq!(parse_time(&format_time(time), now()), Ok(time));
        }

        #[test]
        fn a_duration_survives_being_written(milliseconds in 0_u64..1_000_000_000_000) {
            let duration = Duration::from_millis(milliseconds);
            prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
        }
    }
}
