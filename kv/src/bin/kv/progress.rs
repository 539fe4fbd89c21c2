//! A bar over the time of a run.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A progress bar. Nothing is drawn where the standard error is not a terminal.
#[derive(Debug, Clone)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// A bar for this long.
    pub(crate) fn new(time: Duration) -> Self {
        let bar = ProgressBar::new(millis(time));
        if let Ok(style) = ProgressStyle::with_template("{wide_bar} {elapsed}  {msg}") {
            bar.set_style(style);
        }
        Self(bar)
    }

    pub(crate) fn set(&self, passed: Duration, message: String) {
        self.0.set_position(millis(passed));
        self.0.set_message(message);
    }

    /// Prints a line on the standard output, above the bar.
    pub(crate) fn line(&self, text: &str) -> std::io::Result<()> {
        self.0.suspend(|| crate::output::line(text))
    }

    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
