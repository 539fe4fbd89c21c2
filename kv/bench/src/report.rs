//! The tables.

use std::fmt::Write as _;

use serde::Serialize;

use crate::cell::{Cell, Contender, Kind, Sample, Sizes, Work};

/// One cell with one sample per repeat.
#[derive(Debug, Serialize)]
pub(crate) struct Measured {
    pub(crate) cell: Cell,
    pub(crate) samples: Vec<Sample>,
}

/// All samples, and the conditions of the measurement.
#[derive(Debug, Serialize)]
pub(crate) struct Results {
    pub(crate) load_before: String,
    pub(crate) load_after: String,
    pub(crate) sizes: Sizes,
    pub(crate) cells: Vec<Measured>,
}

impl Measured {
    fn values(&self, name: &str) -> Vec<Option<f64>> {
        self.samples.iter().map(|sample| sample.0.get(name).copied()).collect()
    }

    /// Median, minimum and maximum, or nothing.
    fn spread(&self, name: &str, unit: f64) -> String {
        spread(self.values(name).into_iter().flatten().map(|value| value / unit).collect())
    }

    /// The median of a figure.
    fn median(&self, name: &str, unit: f64) -> String {
        let values = self.values(name).into_iter().flatten().map(|value| value / unit);
        median(values.collect()).map_or_else(|| "–".to_owned(), number)
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let (low, high) =
        (values.get(values.len().checked_sub(1)? / 2)?, values.get(values.len() / 2)?);
    Some((low + high) / 2.0)
}

fn spread(values: Vec<f64>) -> String {
    let min = values.iter().copied().reduce(f64::min);
    let max = values.iter().copied().reduce(f64::max);
    match (median(values), min, max) {
        (Some(median), Some(min), Some(max)) => {
            format!("{} ({}–{})", number(median), number(min), number(max))
        }
        _ => "–".to_owned(),
    }
}

/// Three digits.
fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// All tables of what was measured.
pub(crate) fn tables(results: &Results) -> String {
    let Results { load_before, load_after, .. } = results;
    let mut text = format!("load {load_before} before and {load_after} after\n");
    for store in [Kind::Memory, Kind::Redb] {
        writes(&mut text, results, store);
    }
    ratios(&mut text, results);
    failovers(&mut text, results);
    snapshots(&mut text, results);
    text
}

impl Results {
    fn of(&self, work: Work) -> Vec<&Measured> {
        self.cells.iter().filter(|measured| measured.cell.work == work).collect()
    }

    fn find(&self, cell: Cell) -> Option<&Measured> {
        self.cells.iter().find(|measured| measured.cell == cell)
    }
}

fn name(contender: Contender) -> &'static str {
    match contender {
        Contender::Grid => "grid",
        Contender::GridUnlimited => "grid, no limit",
        Contender::Grpc => "gRPC, streams",
        Contender::GrpcUnary => "gRPC, single calls",
        Contender::Http => "HTTP and JSON",
        Contender::Function => "function calls",
    }
}

fn writes(text: &mut String, results: &Results, store: Kind) {
    let mut cells = results.of(Work::Writes);
    cells.retain(|measured| measured.cell.store == store);
    if cells.is_empty() {
        return;
    }
    let _ = writeln!(text, "\nWrites, store {store:?}\n");
    text.push_str(
        "| clients | network | writes/s | p50 ms | p99 ms | p99.9 ms | CPU µs a write |\n",
    );
    text.push_str("|--:|---|--:|--:|--:|--:|--:|\n");
    for measured in cells {
        let Cell { clients, contender, .. } = measured.cell;
        let rate = measured.spread("writes_per_s", 1.0);
        let [p50, p99, p999] =
            ["p50", "p99", "p999"].map(|of| measured.median(&format!("write_{of}_us"), 1000.0));
        let (name, cpu) = (name(contender), measured.median("cpu_us", 1.0));
        let _ = writeln!(text, "| {clients} | {name} | {rate} | {p50} | {p99} | {p999} | {cpu} |");
    }
}

/// Ratios of writes/s: the median of those of each repeat, so that a slow minute of the machine affects both of its terms.
fn ratios(text: &mut String, results: &Results) {
    let cells = results.of(Work::Writes);
    let grid = cells.iter().filter(|measured| measured.cell.contender == Contender::Grid);
    let mut lines = String::new();
    for Measured { cell, .. } in grid {
        for (one, other) in [
            (Contender::Grid, Contender::Grpc),
            (Contender::Grid, Contender::GrpcUnary),
            (Contender::Grid, Contender::Http),
            (Contender::Grid, Contender::Function),
            (Contender::Function, Contender::Grpc),
        ] {
            let of = |contender| results.find(Cell { contender, ..*cell });
            let (Some(above), Some(below)) = (of(one), of(other)) else { continue };
            let pairs = above.values("writes_per_s").into_iter().zip(below.values("writes_per_s"));
            let values: Vec<f64> =
                pairs.filter_map(|(above, below)| Some(above? / below?)).collect();
            let marks = marks(one, other, cell.clients, median(values.clone()));
            let (store, clients, spread) = (cell.store, cell.clients, spread(values));
            let (one, other) = (name(one), name(other));
            let _ = writeln!(
                lines,
                "| {store:?} | {clients} | {one} over {other} | {spread} | {marks} |"
            );
        }
    }
    if !lines.is_empty() {
        text.push_str(
            "\n| store | clients | writes/s | ratio | floor | aim |\n|---|--:|---|--:|--:|--:|\n",
        );
        text.push_str(&lines);
    }
}

/// Floor and aim of a ratio, and whether they are met.
fn marks(one: Contender, other: Contender, clients: usize, ratio: Option<f64>) -> String {
    let goals = match (one, other, clients) {
        (Contender::Grid, Contender::Grpc, 64) => [3.0, 5.0],
        (Contender::Grid, Contender::Function, 64) => [0.5, 0.8],
        _ => return " | ".to_owned(),
    };
    let mark = |goal: f64| {
        let is_met = ratio.is_some_and(|ratio| ratio >= goal);
        format!("{goal} {}", if is_met { "met" } else { "missed" })
    };
    goals.map(mark).join(" | ")
}

fn failovers(text: &mut String, results: &Results) {
    let cells = results.of(Work::Failover);
    if cells.is_empty() {
        return;
    }
    text.push_str("\n| network | failovers | p50 s | longest s |\n|---|--:|--:|--:|\n");
    for measured in cells {
        let [p50, max] =
            ["p50", "max"].map(|of| measured.median(&format!("failover_{of}_us"), 1e6));
        let (name, count) = (name(measured.cell.contender), measured.median("failover_count", 1.0));
        let _ = writeln!(text, "| {name} | {count} | {p50} | {max} |");
    }
}

fn snapshots(text: &mut String, results: &Results) {
    let cells = results.of(Work::Snapshot);
    if cells.is_empty() {
        return;
    }
    let mib = results.sizes.snapshot_mib;
    let _ = writeln!(text, "\nA snapshot of {mib} MiB\n");
    text.push_str("| |");
    for measured in &cells {
        let _ = write!(text, " {} |", name(measured.cell.contender));
    }
    text.push_str("\n|---|");
    text.push_str(&"--:|".repeat(cells.len()));
    for (title, figure, unit) in [
        ("transfer, s", "transfer_s", 1.0),
        ("memory of the sender, MiB more", "sender_more_mib", 1.0),
        ("memory of the receiver, MiB more", "receiver_more_mib", 1.0),
        ("heartbeats idle, p50 ms", "beat_idle_p50_us", 1e3),
        ("heartbeats idle, p99 ms", "beat_idle_p99_us", 1e3),
        ("heartbeats in the transfer, p50 ms", "beat_transfer_p50_us", 1e3),
        ("heartbeats in the transfer, p99 ms", "beat_transfer_p99_us", 1e3),
        ("with writes: writes/s before", "writes_per_s", 1.0),
        ("writes/s in the transfer", "busy_writes_per_s", 1.0),
        ("transfer, s", "busy_transfer_s", 1.0),
        ("write p99 before, ms", "write_p99_us", 1e3),
        ("write p99 in the transfer, ms", "busy_write_p99_us", 1e3),
        ("heartbeats before, p99 ms", "beat_writes_p99_us", 1e3),
        ("heartbeats in the transfer, p99 ms", "beat_busy_transfer_p99_us", 1e3),
    ] {
        let _ = write!(text, "\n| {title} |");
        for measured in &cells {
            let _ = write!(text, " {} |", measured.spread(figure, unit));
        }
    }
    text.push('\n');
}
