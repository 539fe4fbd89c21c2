//! The figures of one measurement, and the median and range of several.

use serde::{Deserialize, Serialize};

/// One measurement of one cell. Figures that do not apply to the cell are absent.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Sample {
    /// Calls or items per second.
    pub(crate) rate: f64,
    /// Median latency of calls in µs.
    pub(crate) p50_us: Option<f64>,
    /// 99th percentile of the latency of calls in µs.
    pub(crate) p99_us: Option<f64>,
    /// The latency that one of a thousand calls exceeds, in µs. Only of calls beside other work.
    pub(crate) p999_us: Option<f64>,
    /// CPU time per call or item, of both ends, in µs. Absent if two kinds of calls share it.
    pub(crate) cpu_us: Option<f64>,
    /// Allocations per call or item, of both ends. Only in mode `current`, where counting them is almost free.
    pub(crate) allocs: Option<f64>,
    /// Large echoes per second beside the small calls.
    pub(crate) bulk_rate: Option<f64>,
    /// Resident KiB per end of an idle link.
    pub(crate) link_kib: Option<f64>,
    /// Heap KiB per end of an idle link. Only in mode `current`.
    pub(crate) link_heap_kib: Option<f64>,
    /// Milliseconds until all links were connected.
    pub(crate) connect_ms: Option<f64>,
}

/// One figure of a sample.
pub(crate) type Figure = fn(&Sample) -> Option<f64>;

/// All figures with their names.
pub(crate) const FIGURES: &[(&str, Figure)] = &[
    ("per second", |sample| Some(sample.rate)),
    ("p50 µs", |sample| sample.p50_us),
    ("p99 µs", |sample| sample.p99_us),
    ("p99.9 µs", |sample| sample.p999_us),
    ("CPU µs", |sample| sample.cpu_us),
    ("allocations", |sample| sample.allocs),
    ("bulk per second", |sample| sample.bulk_rate),
    ("KiB per end", |sample| sample.link_kib),
    ("heap KiB per end", |sample| sample.link_heap_kib),
    ("connected after ms", |sample| sample.connect_ms),
];

/// Median and range of several values of one figure.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// Returns `None` if there are no values.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (&min, &max) = (values.first()?, values.last()?);
        let half = values.len() / 2;
        let median = if values.len().is_multiple_of(2) {
            f64::midpoint(values[half - 1], values[half])
        } else {
            values[half]
        };
        Some(Self { median, min, max })
    }
}
