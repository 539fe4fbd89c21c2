//! Progress bars on stderr. Indicatif draws nothing if stderr is not a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::path::RelPath;

/// A spinner with a count, for a listing, whose length is known only at its end.
pub(crate) fn counter(what: &'static str) -> ProgressBar {
    let bar = ProgressBar::new_spinner().with_message(what);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {human_pos} {msg} {elapsed}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

/// A bar over the files of a tree, for a search. It advances with each hit, because hits come in the order of files.
#[derive(Debug)]
pub(crate) struct FilesBar<'a> {
    bar: ProgressBar,
    files: &'a [RelPath],
}

impl<'a> FilesBar<'a> {
    /// `files` must be in the order of their paths.
    pub(crate) fn new(files: &'a [RelPath]) -> Self {
        let bar = ProgressBar::new(files.len() as u64);
        if let Ok(style) =
            ProgressStyle::with_template("{wide_bar} {human_pos} of {human_len} files {elapsed}")
        {
            bar.set_style(style);
        }
        Self { bar, files }
    }

    /// Advances to `path`.
    pub(crate) fn at(&self, path: &RelPath) {
        if !self.bar.is_hidden() {
            self.bar.set_position(self.files.partition_point(|file| file < path) as u64);
        }
    }

    /// Removes the bar.
    pub(crate) fn finish(self) {
        self.bar.finish_and_clear();
    }
}
