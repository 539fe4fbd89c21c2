//! Counts of calls, by shape and by how they have ended.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::message::{End, Ended};
use crate::shape::Shape;

/// The calls of a run.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    rows: BTreeMap<Shape, Row>,
    /// By the label of the error, and whether the call may have run.
    failures: BTreeMap<(String, bool), u64>,
}

/// The calls of one shape.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Row {
    pub(crate) answered: u64,
    /// Failed, and cannot have run.
    pub(crate) not_run: u64,
    /// Failed, and may have run.
    pub(crate) unknown: u64,
    /// Dropped by the caller, or posted.
    pub(crate) dropped: u64,
    pub(crate) hung: u64,
    /// Items of streams that were received and checked by callers.
    pub(crate) items: u64,
}

impl Row {
    pub(crate) fn calls(&self) -> u64 {
        self.answered + self.not_run + self.unknown + self.dropped + self.hung
    }
}

impl Tally {
    pub(crate) fn add(&mut self, ended: &Ended) {
        let row = self.rows.entry(ended.shape).or_default();
        row.items += u64::from(ended.items);
        *match ended.end {
            End::Answered => &mut row.answered,
            End::NotRun => &mut row.not_run,
            End::Unknown => &mut row.unknown,
            End::Dropped => &mut row.dropped,
            End::Hung => &mut row.hung,
        } += 1;
        if matches!(ended.end, End::NotRun | End::Unknown) {
            let key = (ended.label.clone(), ended.end == End::Unknown);
            *self.failures.entry(key).or_default() += 1;
        }
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = (Shape, Row)> {
        self.rows.iter().map(|(shape, row)| (*shape, *row))
    }

    pub(crate) fn total(&self) -> Row {
        self.rows.values().fold(Row::default(), |sum, row| Row {
            answered: sum.answered + row.answered,
            not_run: sum.not_run + row.not_run,
            unknown: sum.unknown + row.unknown,
            dropped: sum.dropped + row.dropped,
            hung: sum.hung + row.hung,
            items: sum.items + row.items,
        })
    }

    /// How often each error occurred: its label, whether the call may have run, and the count.
    pub(crate) fn failures(&self) -> impl Iterator<Item = (&str, bool, u64)> {
        self.failures
            .iter()
            .map(|((label, may_have_run), count)| (label.as_str(), *may_have_run, *count))
    }
}
