//! How a call has ended.

use std::fmt::Display;

use grid::CallError;

use crate::message::End;

/// Longer texts of errors are cut, so that a report stays one short line.
const TEXT_CHARS_MAX: usize = 400;

/// How a call has ended for its caller.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) end: End,
    pub(super) label: &'static str,
    pub(super) text: String,
    pub(super) items: u32,
}

impl Outcome {
    fn without_text(end: End, label: &'static str) -> Self {
        Self { end, label, text: String::new(), items: 0 }
    }

    /// The handler has done what was asked for.
    pub(super) fn answered() -> Self {
        Self::without_text(End::Answered, "ok")
    }

    pub(super) fn dropped() -> Self {
        Self::without_text(End::Dropped, "dropped")
    }

    pub(super) fn posted() -> Self {
        Self::without_text(End::Dropped, "posted")
    }

    pub(super) fn hung() -> Self {
        Self::without_text(End::Hung, "hung")
    }

    pub(super) fn failed<E: Display>(error: &CallError<E>) -> Self {
        let end = if error.may_have_run() { End::Unknown } else { End::NotRun };
        let text = error.to_string().chars().take(TEXT_CHARS_MAX).collect();
        Self { end, label: error.label(), text, items: 0 }
    }

    pub(super) fn with_items(self, items: u32) -> Self {
        Self { items, ..self }
    }
}
