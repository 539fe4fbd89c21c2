//! [`Outcome`]: what calls came to, and its file.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use grid::CallError;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// The longest call that is told apart.
const LONGEST: Duration = Duration::from_secs(600);

/// The quantiles that are printed.
pub(super) const QUANTILES: [f64; 6] = [0.5, 0.9, 0.99, 0.999, 0.9999, 1.0];

/// Calls that were measured.
pub(super) struct Measured {
    time: Duration,
    /// Of calls that were answered, in nanoseconds.
    answered: Histogram<u64>,
    failed: BTreeMap<String, u64>,
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Outcome {
    pub(super) method: String,
    /// Calls that should begin in a second; `None`: as many as are answered.
    pub(super) rate: Option<u32>,
    pub(super) callers: u32,
    pub(super) seconds: f64,
    pub(super) answered: u64,
    pub(super) per_second: f64,
    /// By the word for the error.
    pub(super) failed: BTreeMap<String, u64>,
    /// Those of [`QUANTILES`], in nanoseconds; none if no call was answered.
    pub(super) quantiles_ns: Vec<(f64, u64)>,
    /// Upper ends of ranges in nanoseconds, and how many calls took as long.
    pub(super) ranges_ns: Vec<(u64, u64)>,
}

impl Measured {
    pub(super) fn new(time: Duration) -> Self {
        let longest = LONGEST.as_nanos() as u64;
        let answered = Histogram::new_with_max(longest, 3).expect("these bounds are valid");
        Self { time, answered, failed: BTreeMap::new() }
    }

    pub(super) fn count(&mut self, took: Duration, ended: &Result<(), CallError>) {
        match ended {
            Ok(()) => self.answered.saturating_record(took.as_nanos() as u64),
            Err(error) => *self.failed.entry(error.label().to_owned()).or_default() += 1,
        }
    }

    /// Calls that are over.
    pub(super) fn calls(&self) -> u64 {
        self.answered.len() + self.failed.values().sum::<u64>()
    }

    pub(super) fn outcome(&self, method: String, rate: Option<u32>, callers: u32) -> Outcome {
        let ranges = self.answered.iter_log(1000, 1.5);
        let is_answered = !self.answered.is_empty();
        let quantiles = QUANTILES.iter().filter(|_| is_answered);
        Outcome {
            method,
            rate,
            callers,
            seconds: self.time.as_secs_f64(),
            answered: self.answered.len(),
            per_second: self.answered.len() as f64 / self.time.as_secs_f64(),
            failed: self.failed.clone(),
            quantiles_ns: quantiles.map(|&of| (of, self.answered.value_at_quantile(of))).collect(),
            ranges_ns: ranges
                .map(|of| (of.value_iterated_to(), of.count_since_last_iteration()))
                .collect(),
        }
    }
}

impl Outcome {
    pub(super) fn read(file: &Path) -> Result<Self, Failure> {
        let wrong = |error: &dyn std::fmt::Display| {
            Failure::Usage(format!(
                "cannot read an earlier result from {}: {error}",
                file.display()
            ))
        };
        let text = fs::read_to_string(file).map_err(|error| wrong(&error))?;
        serde_json::from_str(&text).map_err(|error| wrong(&error))
    }

    pub(super) fn write(&self, file: &Path) -> Result<(), Failure> {
        let text = serde_json::to_string(self).unwrap_or_default();
        fs::write(file, text + "\n").map_err(|error| {
            Failure::Usage(format!("cannot write the result to {}: {error}", file.display()))
        })
    }

    /// Whether both were made in the same way.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        (&self.method, self.rate, self.callers) == (&other.method, other.rate, other.callers)
    }

    /// How it was made.
    pub(super) fn what(&self) -> String {
        let rate = self.rate.map(|rate| format!(" at {rate} calls/s")).unwrap_or_default();
        format!("{}{rate} with {} callers", self.method, self.callers)
    }

    /// How many calls have failed.
    pub(super) fn failures(&self) -> u64 {
        self.failed.values().sum()
    }

    pub(super) fn quantile(&self, of: f64) -> Option<u64> {
        self.quantiles_ns.iter().find(|(share, _)| *share == of).map(|(_, nanos)| *nanos)
    }
}
