//! Buckets of time: where the one that holds a moment begins, and where it ends, in UTC or in a time zone.
//!
//! Moments are microseconds since 1970 in UTC. In a zone, days, weeks and months begin at its midnight, so that a day has 23
//! or 25 hours where the clocks change; what is shorter is counted from that midnight.

use arrow::array::timezone::Tz;
use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};

use crate::times;

const DAY_US: i64 = 24 * 3_600 * 1_000_000;
/// Monday, 1970-01-05: weeks begin on Monday.
const FIRST_MONDAY_US: i64 = 4 * DAY_US;
const FIRST_MONDAY: NaiveDate =
    NaiveDate::from_ymd_opt(1970, 1, 5).expect("a date of the calendar");

/// How long a bucket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    /// So many microseconds, which are not whole days.
    Elapsed(i64),
    /// So many days.
    Days(i64),
    /// So many months.
    Months(i32),
}

impl Width {
    /// Reads `15m`, `6h`, `1d`, `2w`, `1mo`.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if let Some(months) = text.strip_suffix("mo") {
            return match months.parse() {
                Ok(months @ 1..=1_200) => Ok(Self::Months(months)),
                _ => Err(format!("`{text}` is no number of months: write `1mo`")),
            };
        }
        let duration = times::parse_duration(text).map_err(|error| error.to_string())?;
        let width = i64::try_from(duration.as_micros()).map_err(|error| error.to_string())?;
        match width {
            0 => Err("a bucket has a length".to_owned()),
            width if width % DAY_US == 0 => Ok(Self::Days(width / DAY_US)),
            width => Ok(Self::Elapsed(width)),
        }
    }
}

/// Reads a time zone: `Europe/Berlin`, `+05:30`.
pub(super) fn read_zone(text: &str) -> Result<Tz, String> {
    let unknown = || format!("`{text}` is no time zone: write `Europe/Berlin`, `UTC` or `+05:30`");
    text.trim().parse().map_err(|_| unknown())
}

/// Buckets of one length in one zone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Calendar {
    width: Width,
    /// None is UTC, in which every day has 24 hours.
    zone: Option<Tz>,
}

impl Calendar {
    /// Reads both.
    pub(super) fn new(width: &str, zone: Option<&str>) -> Result<Self, String> {
        let zone = zone.map(read_zone).transpose()?;
        match Width::read(width)? {
            Width::Elapsed(length) if zone.is_some() && length > DAY_US => {
                Err("in a time zone, what is longer than a day is whole days, weeks or months"
                    .to_owned())
            }
            width => Ok(Self { width, zone }),
        }
    }

    /// Where the bucket begins that holds a moment; `None` beyond what a time can be.
    pub(super) fn start(&self, at: i64) -> Option<i64> {
        match (self.width, self.zone) {
            (Width::Elapsed(length), None) => floor(at, FIRST_MONDAY_US, length),
            (Width::Days(days), None) => floor(at, FIRST_MONDAY_US, days.checked_mul(DAY_US)?),
            (Width::Elapsed(length), Some(_)) => floor(at, self.midnight(self.day(at)?)?, length),
            _ => self.midnight(self.first_day(at)?),
        }
    }

    /// Where the bucket ends that begins at a moment.
    pub(super) fn end(&self, start: i64) -> Option<i64> {
        let end = match (self.width, self.zone) {
            (Width::Elapsed(length), None) => start.checked_add(length),
            (Width::Days(days), None) => start.checked_add(days.checked_mul(DAY_US)?),
            (Width::Elapsed(length), Some(_)) => {
                let midnight = self.midnight(self.day(start)?.checked_add_days(Days::new(1))?)?;
                Some(start.checked_add(length)?.min(midnight))
            }
            (Width::Days(days), Some(_)) => {
                let days = Days::new(u64::try_from(days).ok()?);
                self.midnight(self.first_day(start)?.checked_add_days(days)?)
            }
            (Width::Months(months), _) => {
                let months = Months::new(u32::try_from(months).ok()?);
                self.midnight(self.first_day(start)?.checked_add_months(months)?)
            }
        };
        end.filter(|end| *end > start)
    }

    /// The first day of a bucket of days or months.
    fn first_day(&self, at: i64) -> Option<NaiveDate> {
        let day = self.day(at)?;
        match self.width {
            Width::Elapsed(_) => Some(day),
            Width::Days(days) => {
                let behind = (day - FIRST_MONDAY).num_days().rem_euclid(days);
                day.checked_sub_days(Days::new(u64::try_from(behind).ok()?))
            }
            Width::Months(months) => {
                let number = day.year().checked_mul(12)?.checked_add_unsigned(day.month0())?;
                let first = number.div_euclid(months) * months;
                let month = u32::try_from(first.rem_euclid(12)).ok()? + 1;
                NaiveDate::from_ymd_opt(first.div_euclid(12), month, 1)
            }
        }
    }

    /// The date of a moment, as the clocks of the zone show it.
    fn day(&self, at: i64) -> Option<NaiveDate> {
        let time = DateTime::<Utc>::from_timestamp_micros(at)?;
        Some(match self.zone {
            None => time.date_naive(),
            Some(zone) => time.with_timezone(&zone).date_naive(),
        })
    }

    /// When a date begins: at its first moment that the clocks show.
    fn midnight(&self, day: NaiveDate) -> Option<i64> {
        const STEPS: i64 = 2 * 24 * 4;
        let midnight = day.and_time(NaiveTime::MIN);
        let Some(zone) = self.zone else { return Some(midnight.and_utc().timestamp_micros()) };
        // Clocks that are put forward leave times out, by quarters of an hour; at the date line, a day.
        (0..STEPS).find_map(|step| {
            let time = midnight.checked_add_signed(TimeDelta::minutes(15 * step))?;
            Some(zone.from_local_datetime(&time).earliest()?.timestamp_micros())
        })
    }
}

/// The last multiple of a length after an anchor that is not after a moment.
fn floor(at: i64, anchor: i64, length: i64) -> Option<i64> {
    at.checked_sub(anchor)?.div_euclid(length).checked_mul(length)?.checked_add(anchor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn us(text: &str) -> i64 {
        text.parse::<DateTime<Utc>>().unwrap().timestamp_micros()
    }

    /// The bucket that holds a moment.
    fn bucket(width: &str, zone: Option<&str>, at: &str) -> [String; 2] {
        let calendar = Calendar::new(width, zone).unwrap();
        let start = calendar.start(us(at)).unwrap();
        [start, calendar.end(start).unwrap()]
            .map(|it| times::format_time(DateTime::from_timestamp_micros(it).unwrap()))
    }

    #[test]
    fn buckets_in_utc_are_of_one_length_and_weeks_begin_on_monday() {
        let at = "2026-11-20T10:17:31Z";
        for (width, start, end) in [
            ("15m", "2026-11-20T10:15:00Z", "2026-11-20T10:30:00Z"),
            ("1d", "2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z"),
            ("1w", "2026-11-16T00:00:00Z", "2026-11-23T00:00:00Z"),
            ("1mo", "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"),
            ("3mo", "2026-10-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ] {
            assert_eq!(bucket(width, None, at), [start, end], "{width}");
        }
        assert_eq!(bucket("1d", None, "1969-12-31T23:59:59Z")[0], "1969-12-31T00:00:00Z");
    }

    #[test]
    fn a_day_has_23_or_25_hours_where_the_clocks_change() {
        let berlin = Some("Europe/Berlin");
        let spring = ["2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"];
        assert_eq!(bucket("1d", berlin, "2026-03-29T12:00:00Z"), spring);
        let autumn = ["2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"];
        assert_eq!(bucket("1d", berlin, "2026-10-25T00:30:00Z"), autumn);
        let month = ["2026-09-30T22:00:00Z", "2026-10-31T23:00:00Z"];
        assert_eq!(bucket("1mo", berlin, "2026-10-25T00:30:00Z"), month);
        let week = ["2026-10-18T22:00:00Z", "2026-10-25T23:00:00Z"];
        assert_eq!(bucket("1w", berlin, "2026-10-25T22:59:59Z"), week);
        // The second of the two hours that the clocks show as 2 to 3.
        let hour = ["2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z"];
        assert_eq!(bucket("1h", berlin, "2026-10-25T01:30:00Z"), hour);
    }

    #[test]
    fn shorter_buckets_begin_at_midnight_and_the_last_is_cut_there() {
        let kolkata = Some("Asia/Kolkata");
        let hour = ["2026-11-20T09:30:00Z", "2026-11-20T10:30:00Z"];
        assert_eq!(bucket("1h", kolkata, "2026-11-20T10:17:31Z"), hour);
        let rest = ["2026-11-20T15:30:00Z", "2026-11-20T18:30:00Z"];
        assert_eq!(bucket("7h", Some("+05:30"), "2026-11-20T18:29:59Z"), rest);
    }

    #[test]
    fn a_midnight_or_a_day_that_the_clocks_leave_out_ends_nowhere_else() {
        // Midnight does not happen on this day: it begins at 1.
        let day = ["2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"];
        assert_eq!(bucket("1d", Some("America/Sao_Paulo"), "2018-11-04T12:00:00Z"), day);
        // 30 December did not happen.
        let day = ["2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z"];
        assert_eq!(bucket("1d", Some("Pacific/Apia"), "2011-12-29T12:00:00Z"), day);
        assert_eq!(bucket("1d", Some("Pacific/Apia"), "2011-12-30T10:00:00Z")[0], day[1]);
    }

    #[test]
    fn what_is_no_bucket_or_zone_is_refused() {
        for width in ["0s", "x", "", "1.5h", "0mo", "-1mo", "mo"] {
            assert!(Width::read(width).is_err(), "{width}");
        }
        for zone in ["", "Europe/Nowhere", "CET+1", "+25:00"] {
            assert!(read_zone(zone).is_err(), "{zone}");
        }
        assert!(Calendar::new("36h", Some("UTC")).is_err());
        assert!(Calendar::new("36h", None).is_ok());
    }
}
