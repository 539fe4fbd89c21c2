//! The results as text.

use std::fmt::Write;

use super::results::Results;
use crate::check::Row;

/// The tables that are printed at the end.
pub(super) fn render(results: &Results) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = calls(&mut text, results);
    let _ = failures(&mut text, results);
    let _ = faults(&mut text, results);
    let _ = resources(&mut text, results);
    let (violations, seed) = (results.violations, results.seed);
    let _ = match violations {
        0 => writeln!(text, "\nno violation (seed {seed})"),
        _ => writeln!(text, "\n{violations} VIOLATIONS (seed {seed})"),
    };
    text
}

fn calls(text: &mut String, results: &Results) -> std::fmt::Result {
    writeln!(
        text,
        "\n{:<15} {:>9} {:>9} {:>9} {:>9} {:>9} {:>6} {:>9}",
        "calls", "made", "answered", "not run", "unknown", "dropped", "hung", "items"
    )?;
    let rows = results.calls.iter().map(|(shape, row)| (shape.name(), *row));
    for (name, row) in rows.chain([("all", results.total)]) {
        let Row { answered, not_run, unknown, dropped, hung, items } = row;
        writeln!(
            text,
            "{name:<15} {:>9} {answered:>9} {not_run:>9} {unknown:>9} {dropped:>9} {hung:>6} {items:>9}",
            row.calls()
        )?;
    }
    writeln!(text, "handlers that have run: {}", results.runs)
}

fn failures(text: &mut String, results: &Results) -> std::fmt::Result {
    writeln!(text, "\n{:<20} {:>9}", "failures", "calls")?;
    for failure in &results.failures {
        let may = if failure.may_have_run { "may have run" } else { "not run" };
        writeln!(text, "{:<20} {:>9}  {may}", failure.label, failure.count)?;
    }
    Ok(())
}

fn faults(text: &mut String, results: &Results) -> std::fmt::Result {
    writeln!(
        text,
        "\n{:<26} {:>6} {:>9} {:>9} {:>8} {:>8} {:>8}",
        "faults", "count", "recovered", "overtaken", "p50 ms", "p99 ms", "max ms"
    )?;
    for row in &results.recoveries {
        writeln!(
            text,
            "{:<26} {:>6} {:>9} {:>9} {:>8} {:>8} {:>8}",
            row.kind.name(),
            row.faults,
            row.recovered,
            row.overtaken,
            row.p50_ms,
            row.p99_ms,
            row.max_ms
        )?;
    }
    Ok(())
}

fn resources(text: &mut String, results: &Results) -> std::fmt::Result {
    writeln!(
        text,
        "\n{:<12} {:>7} {:>15} {:>15} {:>24}   (first third, last third, most)",
        "resources", "samples", "fds", "threads", "RSS MiB"
    )?;
    for (life, growth) in &results.growths {
        let (first, last, max) = (growth.first, growth.last, growth.max);
        let three = |a: u64, b: u64, c: u64| format!("{a} {b} {c}");
        let mib = |kib: u64| kib as f64 / 1024.0;
        let rss =
            format!("{:.1} {:.1} {:.1}", mib(first.rss_kib), mib(last.rss_kib), mib(max.rss_kib));
        writeln!(
            text,
            "{:<12} {:>7} {:>15} {:>15} {:>24}",
            life.to_string(),
            growth.samples.len(),
            three(first.fds, last.fds, max.fds),
            three(first.threads, last.threads, max.threads),
            rss
        )?;
    }
    writeln!(text, "{} processes; the others lived for too short a time", results.processes)
}
