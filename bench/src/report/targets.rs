//! The project's targets and how far they are reached: the table of `--quick`.

use std::fmt::Write;

use super::results::Results;
use super::tables::number;
use crate::cell::Mode::{Current, Line1, Line10, Line100, Threads};
use crate::cell::Name::{
    self, Grid, GridAdmin, GridBare, GridGroup, GridObserved, GridTls, GridWatched, Mux, Pingpong,
    Tarpc, Tonic, TonicAdaptive, TonicTls,
};
use crate::cell::{BULK_WIDTH, Cell, Mode, Work};
use crate::sample::{Figure, Spread};

/// One line of the table.
struct Target {
    name: &'static str,
    /// One value per repeat, from measurements that were made one after the other.
    values: Vec<f64>,
    goal: Goal,
}

/// The bounds of a target: `floor` must hold, `aim` should.
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

    /// The table's columns for the floor and the aim.
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

/// The cells of one work, width and mode.
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

/// Builds lines of the table from the results.
struct View<'a>(&'a Results);

impl View<'_> {
    /// A figure of grid.
    fn own(&self, name: &'static str, place: Place, figure: Figure, goal: Goal) -> Target {
        let values = place.values(self.0, Grid, figure).into_iter().flatten().collect();
        Target { name, values, goal }
    }

    /// A figure of grid divided by that of another contender.
    fn over(
        &self,
        other: Name,
        name: &'static str,
        place: Place,
        figure: Figure,
        goal: Goal,
    ) -> Target {
        let one = place.values(self.0, Grid, figure);
        ratio(name, one, place.values(self.0, other, figure), goal)
    }

    /// The rate of another way to use grid divided by that of the usual one.
    fn of(&self, other: Name, name: &'static str, place: Place, goal: Goal) -> Target {
        let [one, usual] = [other, Grid].map(|name| place.values(self.0, name, RATE));
        ratio(name, one, usual, goal)
    }

    /// A figure of grid in one place divided by that in another.
    fn grown(&self, name: &'static str, places: [Place; 2], figure: Figure, goal: Goal) -> Target {
        let [one, other] = places.map(|place| place.values(self.0, Grid, figure));
        ratio(name, one, other, goal)
    }

    /// The rate of grid divided by the better one of two contenders.
    fn over_better(
        &self,
        others: [Name; 2],
        name: &'static str,
        place: Place,
        goal: Goal,
    ) -> Target {
        let [one, other] = others.map(|other| place.values(self.0, other, RATE));
        let better = one.into_iter().zip(other).map(|(one, other)| Some(one?.max(other?)));
        ratio(name, place.values(self.0, Grid, RATE), better.collect(), goal)
    }
}

fn ratio(name: &'static str, one: Vec<Option<f64>>, other: Vec<Option<f64>>, goal: Goal) -> Target {
    let values = one.into_iter().zip(other).filter_map(|(one, other)| Some(one? / other?));
    Target { name, values: values.collect(), goal }
}

const RATE: Figure = |sample| Some(sample.rate);
const CPU: Figure = |sample| sample.cpu_us;

fn calls(view: &View<'_>) -> Vec<Target> {
    let [c1, c64, c512] = [1, 64, 512].map(|width| Place(Work::Unary, width, Threads));
    let current = Place(Work::Unary, 64, Current);
    let possible = ratio(
        "c=1: what TCP alone does, calls/s over tarpc",
        c1.values(view.0, Pingpong, RATE),
        c1.values(view.0, Tarpc, RATE),
        Goal::Report,
    );
    let over_bare = |other: Name, name, floor| {
        let [one, bare] = [other, GridBare].map(|name| c64.values(view.0, name, RATE));
        ratio(name, one, bare, Goal::least(floor, None))
    };
    vec![
        view.over(Tarpc, "c=64: calls/s over tarpc", c64, RATE, Goal::least(2.8, 4.0)),
        view.of(
            GridObserved,
            "c=64: calls/s with log, metrics and traces over plain",
            c64,
            Goal::least(0.7, None),
        ),
        over_bare(
            GridAdmin,
            "c=64: calls/s of nodes that operators may look into over without",
            0.97,
        ),
        over_bare(GridWatched, "c=64: the same while a console is open, with a tap of 1 %", 0.95),
        view.over(Tonic, "c=64: calls/s over tonic", c64, RATE, Goal::least(12.0, None)),
        view.over(Tarpc, "c=64: CPU per call over tarpc", c64, CPU, Goal::most(0.3, 0.25)),
        view.over(Tarpc, "c=512: calls/s over tarpc", c512, RATE, Goal::least(3.3, 5.0)),
        view.over(Tarpc, "c=1: calls/s over tarpc", c1, RATE, Goal::Report),
        possible,
        view.over(Mux, "c=1: calls/s over the bare mux", c1, RATE, Goal::least(0.85, 0.95)),
        view.over(Mux, "c=1: CPU per call over the bare mux", c1, CPU, Goal::Report),
        view.over(
            Tarpc,
            "current-thread, c=64: calls/s over tarpc",
            current,
            RATE,
            Goal::least(2.7, 3.3),
        ),
        view.over(
            Tarpc,
            "current-thread, c=64: CPU per call over tarpc",
            current,
            CPU,
            Goal::Report,
        ),
        view.own(
            "allocations per call, both ends",
            current,
            |sample| sample.allocs,
            Goal::most(8.0, 4.0),
        ),
    ]
}

fn streams(view: &View<'_>) -> Vec<Target> {
    let stream = Place(Work::Stream, 1, Threads);
    let two_way = Place(Work::TwoWay, 1, Threads);
    vec![
        view.over(Tonic, "server stream: items/s over tonic", stream, RATE, Goal::least(1.1, 2.0)),
        view.over(Tonic, "server stream: CPU per item over tonic", stream, CPU, Goal::Report),
        view.over(
            Tonic,
            "two-way stream: items/s over tonic",
            two_way,
            RATE,
            Goal::least(1.1, 2.0),
        ),
        view.over(Tonic, "two-way stream: CPU per item over tonic", two_way, CPU, Goal::Report),
    ]
}

fn bulk(view: &View<'_>) -> Vec<Target> {
    let bulk = Place(Work::Bulk, BULK_WIDTH, Threads);
    let mixed = Place(Work::Mixed, 1, Threads);
    let small = "small calls beside 4 × 1 MiB: p50 over tarpc";
    let small_p99 = "small calls beside 4 × 1 MiB: p99 over tarpc";
    let busy = "small calls beside 16 streams and 1 MiB, half busy: p99.9 over tonic";
    let beside = "the 4 × 1 MiB meanwhile: calls/s over tarpc";
    vec![
        view.over(Tarpc, "1 MiB echo: calls/s over tarpc", bulk, RATE, Goal::least(1.0, 1.4)),
        view.over(Tarpc, "1 MiB echo: CPU per call over tarpc", bulk, CPU, Goal::most(1.0, 0.7)),
        view.over(Tarpc, small, mixed, |sample| sample.p50_us, Goal::most(0.1, 0.05)),
        view.over(Tarpc, small_p99, mixed, |sample| sample.p99_us, Goal::most(0.3, 0.1)),
        view.over(
            Tonic,
            busy,
            Place(Work::Busy, 1, Threads),
            |sample| sample.p999_us,
            Goal::Report,
        ),
        view.over(Tarpc, beside, mixed, |sample| sample.bulk_rate, Goal::Report),
    ]
}

fn tls(view: &View<'_>) -> Vec<Target> {
    let over = |name, place: Place, [one, other]: [Name; 2], figure, goal| {
        let [one, other] = [one, other].map(|name| place.values(view.0, name, figure));
        ratio(name, one, other, goal)
    };
    let [c1, c64] = [1, 64].map(|width| Place(Work::Unary, width, Threads));
    let bulk = Place(Work::Bulk, BULK_WIDTH, Threads);
    let (grid, tonic) = ([GridTls, Grid], [TonicTls, Tonic]);
    let goal = Goal::least(0.75, 0.85);
    vec![
        over("c=1: calls/s with TLS over plain", c1, grid, RATE, Goal::Report),
        over("the same of tonic", c1, tonic, RATE, Goal::Report),
        over("c=64: calls/s with TLS over plain", c64, grid, RATE, goal),
        over("the same of tonic", c64, tonic, RATE, Goal::Report),
        over("1 MiB echo: calls/s with TLS over plain", bulk, grid, RATE, Goal::Report),
        over("the same of tonic", bulk, tonic, RATE, Goal::Report),
        over("c=64: CPU per call with TLS over plain", c64, grid, CPU, Goal::Report),
        over(
            "c=64 with TLS: calls/s over tonic with TLS",
            c64,
            [GridTls, TonicTls],
            RATE,
            Goal::Report,
        ),
    ]
}

fn links(view: &View<'_>) -> Vec<Target> {
    let [hundred, thousand] = [100, 1000].map(|width| Place(Work::Links, width, Threads));
    let places = [thousand, hundred];
    let kib: Figure = |sample| sample.link_kib;
    let [eight, many] = [8, 32].map(|width| Place(Work::Fan, width, Threads));
    let others = [Tarpc, Tonic];
    let better = "a call to each of 32 nodes: calls/s over the better of tarpc and tonic";
    vec![
        view.of(GridGroup, "a group of 32 nodes: calls/s over joined calls", many, Goal::Report),
        view.over_better(others, "a call to each of 8 nodes: the same", eight, Goal::Report),
        view.over_better(others, better, many, Goal::least(1.5, 3.0)),
        view.own("idle link: KiB per end, of 1000 links", thousand, kib, Goal::most(None, 64.0)),
        view.grown("1000 links: KiB per end over 100 links", places, kib, Goal::Report),
        view.grown("1000 links: calls/s over 100 links", places, RATE, Goal::least(0.75, 0.9)),
    ]
}

fn lines(view: &View<'_>) -> Vec<Target> {
    let names = [
        (
            Line1,
            "items/s over TCP alone, 1 ms",
            "items/s over tonic with its adaptive window, 1 ms",
        ),
        (Line10, "the same, 10 ms", "the same, 10 ms"),
        (Line100, "the same, 100 ms", "the same, 100 ms"),
    ];
    let over =
        |other, name, line, goal| view.over(other, name, Place(Work::Stream, 1, line), RATE, goal);
    let tcp = names.map(|(line, name, _)| over(Pingpong, name, line, Goal::least(0.8, 0.95)));
    let tonic = names.map(|(line, _, name)| over(TonicAdaptive, name, line, Goal::least(1.0, 1.5)));
    tcp.into_iter().chain(tonic).collect()
}

/// Renders the table: medians of the repeats' ratios.
pub(crate) fn table(results: &Results) -> String {
    let mut text = format!("{}\n\n", results.conditions());
    text.push_str("| typed calls through the macro | measured | min–max | floor | aim |\n|---|---|---|---|---|\n");
    let view = View(results);
    let lines = [calls(&view), streams(&view), bulk(&view), tls(&view), links(&view), lines(&view)];
    for Target { name, values, goal } in lines.into_iter().flatten() {
        let Some(Spread { median, min, max }) = Spread::of(values) else { continue };
        let [floor, aim] = goal.marks(median);
        let (min, max) = (number(min), number(max));
        let _ = writeln!(text, "| {name} | {} | {min}–{max} | {floor} | {aim} |", number(median));
    }
    text
}
