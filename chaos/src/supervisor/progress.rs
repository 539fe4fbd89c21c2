//! A progress bar on a terminal, and violations above it.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over the seconds of a run. Nothing is drawn where the standard error is not a terminal.
#[derive(Debug, Clone)]
pub(super) struct Progress(ProgressBar);

impl Progress {
    pub(super) fn new(time: Duration) -> Self {
        let bar = ProgressBar::new(time.as_secs());
        if let Ok(style) = ProgressStyle::with_template("{wide_bar} {pos}/{len} s  {msg}") {
            bar.set_style(style);
        }
        Self(bar)
    }

    pub(super) fn set(&self, passed: Duration, message: String) {
        self.0.set_position(passed.as_secs());
        self.0.set_message(message);
    }

    /// Prints lines on the standard error.
    pub(super) fn print(&self, text: &str) {
        self.0.suspend(|| eprintln!("{text}"));
    }

    pub(super) fn finish(&self) {
        self.0.finish_and_clear();
    }
}
