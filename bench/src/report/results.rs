//! The samples of all cells.

use std::thread::available_parallelism;

use serde::Serialize;

use crate::cell::Cell;
use crate::plan::Plan;
use crate::sample::{Figure, Sample, Spread};

/// All samples, and the conditions of the measurement.
#[derive(Debug, Serialize)]
pub(crate) struct Results {
    pub(crate) cpus: usize,
    pub(crate) load_before: String,
    pub(crate) load_after: String,
    pub(crate) repeats: u32,
    pub(crate) ms_each: u128,
    pub(crate) cells: Vec<Measured>,
}

/// One cell with one sample per repeat.
#[derive(Debug, Serialize)]
pub(crate) struct Measured {
    pub(crate) cell: Cell,
    /// The error of a repeat that failed.
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

    /// The conditions of the measurement as one line.
    pub(crate) fn conditions(&self) -> String {
        let Self { cpus, load_before, load_after, repeats, ms_each, .. } = self;
        format!(
            "{cpus} CPUs, load {load_before} before and {load_after} after; {repeats} interleaved repeats of {ms_each} ms"
        )
    }
}
