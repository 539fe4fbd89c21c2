//! The results, as JSON and as markdown.

use std::fmt::Write;
use std::thread::available_parallelism;

use serde::Serialize;

use crate::plan::Plan;
use crate::sample::{FIGURES, Figure, Sample, Spread};
use crate::work::Cell;

/// All that was measured, and on what.
#[derive(Debug, Serialize)]
pub(crate) struct Results {
    pub(crate) cpus: usize,
    pub(crate) load_before: String,
    pub(crate) load_after: String,
    pub(crate) repeats: u32,
    pub(crate) ms_each: u128,
    pub(crate) cells: Vec<Measured>,
}

/// One cell, one sample a repeat.
#[derive(Debug, Serialize)]
pub(crate) struct Measured {
    pub(crate) cell: Cell,
    /// The error where a repeat failed.
    pub(crate) samples: Vec<Result<Sample, String>>,
}

impl Measured {
    pub(crate) fn push(&mut self, sample: Result<Sample, String>) {
        self.samples.push(sample);
    }

    pub(crate) fn spread(&self, figure: Figure) -> Option<Spread> {
        Spread::of(self.samples.iter().flatten().filter_map(figure))
    }
}

impl Results {
    pub(crate) fn new(plan: &Plan, load_before: String) -> Self {
        let cells = plan.cells.iter().map(|&cell| Measured { cell, samples: Vec::new() });
        Self {
            cpus: available_parallelism().map_or(0, usize::from),
            load_before,
            load_after: String::new(),
            repeats: plan.repeats,
            ms_each: plan.times.time().as_millis(),
            cells: cells.collect(),
        }
    }

    pub(crate) fn find(&self, cell: Cell) -> Option<&Measured> {
        self.cells.iter().find(|measured| measured.cell == cell)
    }

    /// Under what all this was measured, as a line.
    pub(crate) fn conditions(&self) -> String {
        let Self { cpus, load_before, load_after, repeats, ms_each, .. } = self;
        format!(
            "{cpus} CPUs, load {load_before} before and {load_after} after; {repeats} interleaved repeats of {ms_each} ms"
        )
    }
}

/// One table for each work, width and mode, one row for each contender: median (min–max).
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

/// Three digits, and a letter for thousands and millions.
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
