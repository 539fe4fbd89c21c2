//! The demo's report: counts and a few samples.

use std::fmt;

use indicatif::HumanBytes;

use crate::{
    entry::{Entry, Hit, Kind, Skipped},
    path::RelPath,
};

/// Number of sample lines.
const SAMPLES: usize = 5;

/// A sample line is cut after this many characters.
const SAMPLE_CHARS: usize = 100;

/// Counts of the entries of a tree.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    files: u64,
    dirs: u64,
    symlinks: u64,
    others: u64,
    /// Bytes of regular files.
    bytes: u64,
    /// Directories that could not be read.
    pub(crate) skipped: u64,
    /// The regular files in the order of their paths, to show the progress of a search.
    pub(crate) paths: Vec<RelPath>,
}

impl Totals {
    /// Counts one entry.
    pub(crate) fn add(&mut self, entry: Entry) {
        match entry.stat.kind {
            Kind::File => {
                self.files += 1;
                self.bytes += entry.stat.size;
                self.paths.push(entry.path);
            }
            Kind::Dir => self.dirs += 1,
            Kind::Symlink => self.symlinks += 1,
            _ => self.others += 1,
        }
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { files, dirs, symlinks, others, bytes, .. } = self;
        write!(
            f,
            "{files} files, {dirs} dirs, {symlinks} symlinks, {others} others, {bytes} bytes"
        )?;
        write!(f, " ({})", HumanBytes(*bytes))
    }
}

/// Counts of the hits of a search.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    lines: u64,
    files: u64,
    last: Option<RelPath>,
    samples: Vec<String>,
    /// Files that could not be read.
    pub(crate) skipped: u64,
}

impl Lines {
    /// Counts one hit.
    pub(crate) fn add(&mut self, hit: Hit) {
        if hit.more {
            return; // only the last piece of a line is counted
        }
        self.lines += 1;
        if self.last.as_ref() != Some(&hit.path) {
            self.files += 1;
            if self.samples.len() < SAMPLES {
                let text = String::from_utf8_lossy(&hit.text);
                let clean = text.trim_end().chars().map(|c| if c.is_control() { ' ' } else { c });
                self.samples.push(format!(
                    "{}:{}:{}",
                    hit.path,
                    hit.line,
                    clean.take(SAMPLE_CHARS).collect::<String>()
                ));
            }
            self.last = Some(hit.path);
        }
    }

    /// The first hits of the first files.
    pub(crate) fn samples(&self) -> &[String] {
        &self.samples
    }
}

impl fmt::Display for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} lines in {} files", self.lines, self.files)
    }
}

/// Prints a note on stderr that something was skipped.
pub(crate) fn note(skipped: &Skipped) {
    eprintln!("files: {}: {}", skipped.path, skipped.reason);
}
