//! [`Journal`]: what happens in a run: its progress, its faults, and what is wrong.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::Instant;

/// Violations after which a run is ended: the first ones say what is wrong.
const VIOLATIONS_MAX: usize = 20;

/// What happens in a run. Everything is written into a file, and violations are printed as well.
#[derive(Debug)]
pub(crate) struct Journal {
    began: Instant,
    bar: ProgressBar,
    file: Mutex<File>,
    violations: AtomicUsize,
}

impl Journal {
    /// A journal in this file, with a bar for this long. Nothing is drawn where the standard error is not a terminal.
    pub(crate) fn new(path: &Path, time: Duration) -> io::Result<Self> {
        let bar = ProgressBar::new(time.as_secs());
        if let Ok(style) = ProgressStyle::with_template("{wide_bar} {pos}/{len} s  {msg}") {
            bar.set_style(style);
        }
        let (file, violations) = (Mutex::new(File::create(path)?), AtomicUsize::default());
        Ok(Self { began: Instant::now(), bar, file, violations })
    }

    /// How long the run has taken.
    pub(crate) fn passed(&self) -> Duration {
        self.began.elapsed()
    }

    pub(crate) fn progress(&self, passed: Duration, message: String) {
        self.bar.set_position(passed.as_secs());
        self.bar.set_message(message);
    }

    pub(crate) fn note(&self, text: &str) {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // A disk that is really full must not end the run.
        let _ = writeln!(file, "{:>9.3} {text}", self.passed().as_secs_f64());
    }

    /// Something is wrong.
    pub(crate) fn violation(&self, text: &str) {
        self.violations.fetch_add(1, Ordering::Relaxed);
        let text = format!("VIOLATION: {text}");
        self.note(&text);
        self.bar.suspend(|| eprintln!("{:.1?}: {text}", self.passed()));
    }

    pub(crate) fn violations(&self) -> usize {
        self.violations.load(Ordering::Relaxed)
    }

    /// Whether it is no use to go on.
    pub(crate) fn is_hopeless(&self) -> bool {
        self.violations() >= VIOLATIONS_MAX
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
