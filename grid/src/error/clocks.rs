//! Two clocks that differ, as a text for people.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const SECONDS_PER_DAY: i64 = 24 * 3600;

/// Says which of two clocks is ahead, and by how much. Read at both ends, so it must not say "this node".
pub(super) struct Clocks {
    pub(super) dialer: SystemTime,
    pub(super) listener: SystemTime,
    pub(super) difference: Duration,
}

/// The text of two clocks that differ.
pub(crate) fn clocks_text(
    dialer: SystemTime,
    listener: SystemTime,
    difference: Duration,
) -> String {
    Clocks { dialer, listener, difference }.to_string()
}

impl fmt::Display for Clocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { dialer, listener, difference } = self;
        let side = if dialer > listener { "ahead" } else { "behind" };
        let by = difference.as_secs_f64();
        write!(
            f,
            "the dialer's clock ({}) is {by:.1} s {side} of the listener's ({})",
            Utc(*dialer),
            Utc(*listener)
        )
    }
}

/// Formats a time as `2026-11-26T08:00:00Z`.
pub(crate) struct Utc(pub(crate) SystemTime);

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = match self.0.duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_secs()).ok(),
            Err(before) => i64::try_from(before.duration().as_secs()).ok().map(|secs| -secs),
        };
        let Some(seconds) = seconds else { return f.write_str("a time out of range") };
        let (year, month, day) = date(seconds.div_euclid(SECONDS_PER_DAY));
        let second = seconds.rem_euclid(SECONDS_PER_DAY);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

/// The date of a day, counted from 1970-01-01. Years are counted from March on, so that the leap day is the last one, in
/// cycles of 400 years.
fn date(day: i64) -> (i64, i64, i64) {
    // From 0000-03-01 on.
    let day = day + 719_468;
    let (cycle, day) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // March to July, and August to December, have the same lengths: 153 days in five months.
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let is_next_year = month >= 10;
    let month = if is_next_year { month - 9 } else { month + 3 };
    (cycle * 400 + year + i64::from(is_next_year), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_times() {
        let at = |seconds| Utc(UNIX_EPOCH + Duration::from_secs(seconds)).to_string();
        assert_eq!(at(0), "1970-01-01T00:00:00Z");
        assert_eq!(at(951_827_696), "2000-02-29T12:34:56Z");
        assert_eq!(at(1_700_000_000), "2023-11-14T22:13:20Z");
        assert_eq!(at(4_107_542_400), "2100-03-01T00:00:00Z");
        assert_eq!(Utc(UNIX_EPOCH - Duration::from_secs(1)).to_string(), "1969-12-31T23:59:59Z");
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let mut last = date(-1_000_000);
        for day in -999_999..1_000_000 {
            let next = date(day);
            let (year, month, _) = last;
            let first_of_next = if month == 12 { (year + 1, 1, 1) } else { (year, month + 1, 1) };
            assert!(
                next == (year, month, last.2 + 1) || next == first_of_next,
                "{last:?} {next:?}"
            );
            assert!(next.2 <= 31 && (next.2 > 1 || last.2 >= 28), "{last:?} {next:?}");
            last = next;
        }
    }
}
