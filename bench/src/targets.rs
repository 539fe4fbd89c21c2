//! What the project aims at, and how far it is: the table that `--quick` is for.

use std::fmt::Write;

use crate::peers::Name::{self, Grid, Mux, Tarpc, Tonic};
use crate::report::{Results, number};
use crate::sample::{Figure, Spread};
use crate::work::Mode::{Current, Threads};
use crate::work::{BULK_WIDTH, Cell, Mode, Work};

/// Rates of the Go implementation as they were once recorded, on another day: as good as the machine is the same.
const GO_CALLS: f64 = 260_000.0;
const GO_ITEMS: f64 = 200_000.0;

const RATE: Figure = |sample| Some(sample.rate);

/// One line of the table.
struct Target {
    name: &'static str,
    /// One value a repeat, from measurements that were made next to each other.
    values: Vec<f64>,
    goal: Goal,
}

/// What is to be reached.
#[derive(Clone, Copy)]
enum Goal {
    AtLeast { floor: f64, aim: Option<f64> },
    AtMost { floor: Option<f64>, aim: Option<f64> },
    Report,
}

impl Goal {
    fn least(floor: f64, aim: impl Into<Option<f64>>) -> Self {
        Self::AtLeast { floor, aim: aim.into() }
    }

    fn most(floor: impl Into<Option<f64>>, aim: impl Into<Option<f64>>) -> Self {
        Self::AtMost { floor: floor.into(), aim: aim.into() }
    }

    /// What the table says about the floor and about the aim.
    fn marks(self, value: f64) -> [String; 2] {
        let mark =
            |bound: f64, reached: bool| format!("{bound} {}", if reached { "✓" } else { "✗" });
        match self {
            Self::AtLeast { floor, aim } => [Some(floor), aim]
                .map(|bound| bound.map_or_else(String::new, |bound| mark(bound, value >= bound))),
            Self::AtMost { floor, aim } => [floor, aim]
                .map(|bound| bound.map_or_else(String::new, |bound| mark(bound, value <= bound))),
            Self::Report => [String::new(), String::new()],
        }
    }
}

/// Where a target looks: one work, width and mode.
#[derive(Clone, Copy)]
struct Place(Work, u32, Mode);

impl Place {
    fn values(self, results: &Results, contender: Name, figure: Figure) -> Vec<Option<f64>> {
        let Self(work, width, mode) = self;
        let measured = results.find(Cell { work, width, mode, contender });
        let samples = measured.map(|measured| measured.samples.as_slice()).unwrap_or_default();
        samples.iter().map(|sample| figure(sample.as_ref().ok()?)).collect()
    }
}

fn over(one: Vec<Option<f64>>, other: Vec<Option<f64>>) -> Vec<f64> {
    one.into_iter().zip(other).filter_map(|(one, other)| Some(one? / other?)).collect()
}

fn targets(results: &Results) -> Vec<Target> {
    let own = |place: Place, figure| place.values(results, Grid, figure);
    let ratio = |place: Place, figure, other| {
        over(own(place, figure), place.values(results, other, figure))
    };
    let go = |place, rate| own(place, RATE).into_iter().flatten().map(|own| own / rate).collect();
    let target = |name, values, goal| Target { name, values, goal };
    let [c1, c64, c512] = [1, 64, 512].map(|width| Place(Work::Unary, width, Threads));
    let current = Place(Work::Unary, 64, Current);
    let stream = Place(Work::Stream, 1, Threads);
    let two_way = Place(Work::TwoWay, 1, Threads);
    let bulk = Place(Work::Bulk, BULK_WIDTH, Threads);
    let mixed = Place(Work::Mixed, 1, Threads);
    let [hundred, thousand] = [100, 1000].map(|width| Place(Work::Links, width, Threads));
    let p50: Figure = |sample| sample.p50_us;
    let p99: Figure = |sample| sample.p99_us;
    let link: Figure = |sample| sample.link_kib;
    vec![
        target("c=64: calls/s over tarpc", ratio(c64, RATE, Tarpc), Goal::least(1.8, 2.5)),
        target("c=64: calls/s over tonic", ratio(c64, RATE, Tonic), Goal::least(12.0, None)),
        target("c=64: calls/s over Go grid as recorded", go(c64, GO_CALLS), Goal::least(1.7, None)),
        target("c=512: calls/s over tarpc", ratio(c512, RATE, Tarpc), Goal::least(2.3, 3.6)),
        target("c=1: calls/s over tarpc", ratio(c1, RATE, Tarpc), Goal::least(3.0, None)),
        target("c=1: calls/s over the bare mux", ratio(c1, RATE, Mux), Goal::least(0.75, 0.95)),
        target(
            "current-thread, c=64: calls/s over tarpc",
            ratio(current, RATE, Tarpc),
            Goal::least(2.5, 4.0),
        ),
        target(
            "c=64: CPU per call over tarpc",
            ratio(c64, |sample| Some(sample.cpu_us), Tarpc),
            Goal::most(0.5, 0.3),
        ),
        target(
            "allocations per call, both ends",
            own(current, |sample| sample.allocs).into_iter().flatten().collect(),
            Goal::most(8.0, 4.0),
        ),
        target(
            "server stream: items/s over Go grid as recorded",
            go(stream, GO_ITEMS),
            Goal::least(10.0, None),
        ),
        target(
            "server stream: items/s over tonic",
            ratio(stream, RATE, Tonic),
            Goal::least(0.55, 0.95),
        ),
        target(
            "two-way stream: items/s over Go grid as recorded",
            go(two_way, GO_ITEMS),
            Goal::least(4.0, None),
        ),
        target(
            "two-way stream: items/s over tonic",
            ratio(two_way, RATE, Tonic),
            Goal::least(0.4, 0.95),
        ),
        target("1 MiB echo: calls/s over tarpc", ratio(bulk, RATE, Tarpc), Goal::least(0.95, 1.25)),
        target(
            "small calls beside 4 × 1 MiB: p50 over tarpc",
            ratio(mixed, p50, Tarpc),
            Goal::most(0.2, 0.1),
        ),
        target(
            "small calls beside 4 × 1 MiB: p99 over tarpc",
            ratio(mixed, p99, Tarpc),
            Goal::most(0.5, None),
        ),
        target(
            "the 4 × 1 MiB meanwhile: calls/s over tarpc",
            ratio(mixed, |sample| sample.bulk_rate, Tarpc),
            Goal::Report,
        ),
        target(
            "idle link: KiB per end, of 1000 links",
            own(thousand, link).into_iter().flatten().collect(),
            Goal::most(None, 64.0),
        ),
        target(
            "1000 links: KiB per end over 100 links",
            over(own(thousand, link), own(hundred, link)),
            Goal::Report,
        ),
        target(
            "1000 links: calls/s over 100 links",
            over(own(thousand, RATE), own(hundred, RATE)),
            Goal::Report,
        ),
    ]
}

/// The table: medians of the repeats' ratios.
pub(crate) fn table(results: &Results) -> String {
    let mut text = format!("{}\n\n", results.conditions());
    text.push_str("| typed calls through the macro | measured | min–max | floor | aim |\n|---|---|---|---|---|\n");
    for Target { name, values, goal } in targets(results) {
        let Some(Spread { median, min, max }) = Spread::of(values) else { continue };
        let [floor, aim] = goal.marks(median);
        let (min, max) = (number(min), number(max));
        let _ = writeln!(text, "| {name} | {} | {min}–{max} | {floor} | {aim} |", number(median));
    }
    text
}
