//! Writing lines and tables. What a node has sent cannot move the cursor of the terminal: its control characters are shown as
//! escapes.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{self, Write as _};
use std::time::{Duration, SystemTime};

use crate::failure::Failure;

/// Writes a line, and fails if nobody reads any more.
pub(crate) fn line(text: impl Display) -> Result<(), Failure> {
    Ok(writeln!(io::stdout(), "{}", harmless(&text.to_string(), false))?)
}

/// Writes several lines.
pub(crate) fn lines(text: impl Display) -> Result<(), Failure> {
    Ok(writeln!(io::stdout(), "{}", harmless(&text.to_string(), true))?)
}

/// Writes a line for people to standard error, if somebody reads it.
pub(crate) fn note(text: impl Display) {
    let _ = writeln!(io::stderr(), "{}", harmless(&text.to_string(), false));
}

/// Writes rows whose columns are aligned. The last column is not filled up.
pub(crate) fn table<const COLUMNS: usize>(
    rows: impl IntoIterator<Item = [String; COLUMNS]>,
) -> Result<(), Failure> {
    let rows: Vec<_> =
        rows.into_iter().map(|row| row.map(|cell| harmless(&cell, false).into_owned())).collect();
    let width =
        |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<_> = (0..COLUMNS).map(width).collect();
    for row in &rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        line(cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}

/// The text with escapes for what moves the cursor or turns the direction of the text. They are those of JSON, so that JSON stays
/// what it is.
fn harmless(text: &str, has_lines: bool) -> Cow<'_, str> {
    let is_harmful = |of: char| {
        let turns = matches!(of, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        turns || (of.is_control() && of != '\t' && !(of == '\n' && has_lines))
    };
    if !text.contains(is_harmful) {
        return text.into();
    }
    let shown = |of: char| match of {
        '\n' if !has_lines => "\\n".to_owned(),
        of if is_harmful(of) => format!("\\u{:04x}", u32::from(of)),
        of => of.into(),
    };
    text.chars().map(shown).collect()
}

/// A duration with three digits at most, such as `1.24ms`.
pub(crate) fn short(time: Duration) -> String {
    let micros = time.as_micros() as f64;
    let (value, unit) = match micros {
        ..1000.0 => (micros, "µs"),
        ..1_000_000.0 => (micros / 1e3, "ms"),
        ..60_000_000.0 => (micros / 1e6, "s"),
        _ => return humantime::format_duration(Duration::from_secs(time.as_secs())).to_string(),
    };
    let digits = if value >= 100.0 || unit == "µs" {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    format!("{value:.digits$}{unit}")
}

/// A point in time that a node has sent, in UTC.
pub(crate) fn clock_time(unix_ms: u64) -> String {
    match SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(unix_ms)) {
        // What humantime cannot show is beyond the year 9999.
        Some(time) if unix_ms < 253_402_300_800_000 => {
            humantime::format_rfc3339_millis(time).to_string()
        }
        _ => format!("{unix_ms} ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(harmless("two\nlines\tand tabs", true), "two\nlines\tand tabs");
        assert_eq!(harmless("a line\nforged", false), "a line\\nforged");
        let moved = harmless("\x1b[2Jgone\r\u{9b}1m\u{202e}", true).into_owned();
        assert_eq!(moved, "\\u001b[2Jgone\\u000d\\u009b1m\\u202e");
        let json = serde_json::json!(["a\u{85}b\x1b\n"]);
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&harmless(&json.to_string(), false)).ok(),
            Some(json)
        );
    }

    #[test]
    fn durations_have_three_digits() {
        let shown = [7, 999, 1_000, 12_345, 999_400, 1_500_000, 61_000_000]
            .map(|micros| short(Duration::from_micros(micros)));
        assert_eq!(shown, ["7µs", "999µs", "1.00ms", "12.3ms", "999ms", "1.50s", "1m 1s"]);
    }

    #[test]
    fn times_that_are_too_late_are_shown() {
        assert_eq!(clock_time(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(clock_time(u64::MAX), "18446744073709551615 ms");
    }
}
