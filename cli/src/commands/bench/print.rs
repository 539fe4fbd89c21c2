//! A result as text.

use std::time::Duration;

use super::result::{Outcome, QUANTILES};
use crate::failure::Failure;
use crate::output::{line, short, table};

/// Characters of the longest bar of the histogram.
const BAR: u64 = 50;

/// Prints a result, beside an earlier one.
pub(super) fn print(outcome: &Outcome, earlier: Option<&Outcome>) -> Result<(), Failure> {
    line(format_args!("{} for {} s", outcome.what(), outcome.seconds))?;
    if outcome.answered > 0 {
        histogram(outcome)?;
    }
    table(rows(outcome, earlier))?;
    for (word, count) in &outcome.failed {
        line(format_args!("{count} calls failed: {word}"))?;
    }
    Ok(())
}

fn histogram(outcome: &Outcome) -> Result<(), Failure> {
    let is_counted = |range: &&(u64, u64)| range.1 > 0;
    let (Some(first), Some(last)) = (
        outcome.ranges_ns.iter().position(|range| is_counted(&range)),
        outcome.ranges_ns.iter().rposition(|range| is_counted(&range)),
    ) else {
        return Ok(());
    };
    let most = outcome.ranges_ns.iter().map(|(_, count)| *count).max().unwrap_or(1).max(1);
    table(outcome.ranges_ns[first..=last].iter().map(|&(nanos, count)| {
        let bar = "#".repeat((count * BAR).div_ceil(most) as usize);
        [format!("{:>8}", shown(nanos)), format!("{count:>9}"), bar]
    }))
}

fn rows(outcome: &Outcome, earlier: Option<&Outcome>) -> Vec<[String; 4]> {
    let heading = earlier.map(|_| ["", "now", "earlier", "now / earlier"].map(str::to_owned));
    let row =
        |name: String, shown: &dyn Fn(f64) -> String, of: &dyn Fn(&Outcome) -> Option<f64>| {
            let (now, before) = (of(outcome), earlier.and_then(of));
            let ratio = now.zip(before).filter(|(_, before)| *before > 0.0);
            [
                name,
                now.map(shown).unwrap_or_default(),
                before.map(shown).unwrap_or_default(),
                ratio.map(|(now, before)| format!("{:.2}", now / before)).unwrap_or_default(),
            ]
        };
    let count = |number: f64| format!("{number:.0}");
    let time = |nanos: f64| shown(nanos as u64);
    let mut rows: Vec<_> = heading.into_iter().collect();
    rows.push(row("calls/s".into(), &count, &|of| Some(of.per_second)));
    rows.push(row("failed".into(), &count, &|of| Some(of.failures() as f64)));
    let has = |of: &Outcome, share| of.quantile(share).is_some();
    for share in QUANTILES {
        if !has(outcome, share) && !earlier.is_some_and(|earlier| has(earlier, share)) {
            continue;
        }
        let name = if share == 1.0 { "longest".to_owned() } else { format!("p{}", share * 100.0) };
        rows.push(row(name, &time, &|of| of.quantile(share).map(|nanos| nanos as f64)));
    }
    rows
}

fn shown(nanos: u64) -> String {
    match nanos {
        ..10_000 => format!("{:.1}µs", nanos as f64 / 1e3),
        _ => short(Duration::from_nanos(nanos)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::result::Measured;
    use super::*;

    fn outcome(micros: u64) -> Outcome {
        let mut measured = Measured::new(Duration::from_secs(2));
        for _ in 0..100 {
            measured.count(Duration::from_micros(micros), &Ok(()));
        }
        measured.outcome("Clock/now".into(), None, 4)
    }

    #[test]
    fn results_are_compared_by_their_ratio() {
        let (now, earlier) = (outcome(50), outcome(100));
        let rows: Vec<_> = rows(&now, Some(&earlier)).iter().map(|row| row.join(" ")).collect();
        assert_eq!(rows[0], " now earlier now / earlier");
        assert_eq!(rows[1], "calls/s 50 50 1.00");
        assert_eq!(rows[3], "p50 50µs 100µs 0.50");
        assert!(now.is_like(&earlier));
    }

    #[test]
    fn without_answers_there_are_no_percentiles() {
        let none = Measured::new(Duration::from_secs(2)).outcome("Clock/now".into(), None, 4);
        let shown = |earlier: Option<&Outcome>| -> Vec<_> {
            rows(&none, earlier).iter().map(|row| row.join(" ").trim_end().to_owned()).collect()
        };
        assert_eq!(shown(None), ["calls/s 0", "failed 0"]);
        assert_eq!(shown(Some(&outcome(100)))[3], "p50  100µs");
    }

    #[test]
    fn a_percentile_has_no_rounding_in_its_name() {
        let rows = rows(&outcome(1), None);
        let names: Vec<_> = rows.iter().map(|row| &*row[0]).collect();
        let expected = ["calls/s", "failed", "p50", "p90", "p99", "p99.9", "p99.99", "longest"];
        assert_eq!(names, expected);
    }
}
