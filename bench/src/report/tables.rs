//! The results as markdown.

use std::fmt::Write;

use super::results::{Measured, Results};
use crate::sample::{FIGURES, Spread};

/// One table for each work, width and mode, with one row for each contender: median (min–max).
pub(crate) fn tables(results: &Results) -> String {
    let mut text = String::new();
    let same = |one: &Measured, other: &Measured| one.cell.title() == other.cell.title();
    for group in results.cells.chunk_by(same) {
        let Some(first) = group.first() else { continue };
        let figures: Vec<_> = FIGURES
            .iter()
            .filter(|(_, figure)| group.iter().any(|measured| measured.spread(*figure).is_some()))
            .collect();
        let names: Vec<_> = figures.iter().map(|(name, _)| *name).collect();
        let _ = writeln!(text, "### {}\n", first.cell.title());
        let _ = writeln!(text, "| contender | {} |", names.join(" | "));
        let _ = writeln!(text, "|---|{}", "---|".repeat(names.len()));
        for measured in group {
            let _ = write!(text, "| {} |", measured.cell.contender.name());
            for (_, figure) in &figures {
                let cell = measured.spread(*figure).map_or_else(String::new, spread);
                let _ = write!(text, " {cell} |");
            }
            text.push('\n');
        }
        text.push('\n');
    }
    text
}

fn spread(Spread { median, min, max }: Spread) -> String {
    format!("{} ({}–{})", number(median), number(min), number(max))
}

/// Formats a number with three digits, and a letter for thousands and millions.
pub(crate) fn number(value: f64) -> String {
    let (value, unit) = match value.abs() {
        size if size >= 999_500.0 => (value / 1e6, " M"),
        size if size >= 9_995.0 => (value / 1e3, " k"),
        _ => (value, ""),
    };
    let decimals = match value.abs() {
        size if size >= 99.95 => 0,
        size if size >= 9.995 => 1,
        _ => 2,
    };
    format!("{value:.decimals$}{unit}")
}
