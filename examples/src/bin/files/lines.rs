//! Searches one file: whether it is text, and which lines match. The `grep` crates do the matching.
//!
//! The results agree with `LC_ALL=C grep -nIE`: bytes are characters, invalid UTF-8 is text, `\r` belongs to the line.
//! A file that contains a NUL byte is binary and has no lines. (GNU grep looks for NUL while it reads, so if the first
//! one comes after about 96 KiB, it prints the matches before it. This program does not, so that no buffer size
//! matters.)

use std::{
    fs::File,
    io::{self, Read, Seek},
    ops::ControlFlow,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use bytes::Bytes;
use grep_regex::{RegexMatcher, RegexMatcherBuilder};
use grep_searcher::{BinaryDetection, Searcher, SearcherBuilder, Sink, SinkMatch};
use memchr::memchr;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{entry::Hit, error::FilesError, path::RelPath};

/// The most text in one [`Hit`]; a longer line becomes several.
const PIECE_BYTES_MAX: usize = 256 << 10;

/// The longest line that is searched, because a line must be in memory as a whole. A file with a longer one is skipped.
const LINE_BYTES_MAX: usize = 64 << 20;

/// Bytes read at a time when looking for a NUL. Most source files fit, and are then read only once.
const LOOK_BYTES: u64 = 64 << 10;

/// How a pattern is interpreted.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Dialect {
    /// The pattern is plain text, not an expression (`grep -F`).
    pub(crate) fixed: bool,
    /// ASCII letters match in either case (`grep -i`).
    pub(crate) ignore_case: bool,
}

/// Searches files one after the other. Each thread has its own.
#[derive(Clone, Debug)]
pub(crate) struct LineSearcher {
    matcher: RegexMatcher,
    searcher: Searcher,
    /// Buffer for the start of a file.
    look: Vec<u8>,
}

impl LineSearcher {
    /// Compiles the pattern: an expression in the syntax of the `regex` crate, which is close to `grep -E`.
    pub(crate) fn new(pattern: &str, dialect: Dialect) -> Result<Self, FilesError> {
        let matcher = RegexMatcherBuilder::new()
            .fixed_strings(dialect.fixed)
            .case_insensitive(dialect.ignore_case)
            .unicode(false)
            .line_terminator(Some(b'\n'))
            .build(pattern)
            .map_err(|e| FilesError::BadPattern { reason: e.to_string() })?;
        let searcher = SearcherBuilder::new()
            .bom_sniffing(false) // UTF-16 is binary to grep, not transcoded
            .binary_detection(BinaryDetection::none()) // `is_binary` has checked already
            .heap_limit(Some(LINE_BYTES_MAX))
            .build();
        Ok(Self { matcher, searcher, look: Vec::new() })
    }

    /// Calls `found` with each matching line of the file at `real`, named `path`, until it breaks or `stop` is set.
    pub(crate) fn search(
        &mut self,
        real: &Path,
        path: &RelPath,
        stop: &AtomicBool,
        found: impl FnMut(Hit) -> ControlFlow<()>,
    ) -> io::Result<()> {
        let mut file = Stoppable { inner: File::open(real)?, stop };
        let lines = Lines { path, found };
        // Whether the file is binary must be known before its first line is emitted.
        self.look.clear();
        file.by_ref().take(LOOK_BYTES).read_to_end(&mut self.look)?;
        if memchr(0, &self.look).is_some() {
            return Ok(());
        }
        if (self.look.len() as u64) < LOOK_BYTES {
            return self.searcher.search_slice(&self.matcher, &self.look, lines);
        }
        if rest_is_binary(&mut file, &mut self.look)? {
            return Ok(());
        }
        file.inner.rewind()?;
        self.searcher.search_reader(&self.matcher, file, lines)
    }
}

fn rest_is_binary(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    loop {
        match file.read(buffer) {
            Ok(0) => return Ok(false),
            Ok(n) if memchr(0, &buffer[..n]).is_some() => return Ok(true),
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

/// A file that ends early once its lines are not wanted any more.
struct Stoppable<'a> {
    inner: File,
    stop: &'a AtomicBool,
}

impl Read for Stoppable<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.stop.load(Ordering::Relaxed) { Ok(0) } else { self.inner.read(buffer) }
    }
}

/// Turns matches into hits.
struct Lines<'a, F> {
    path: &'a RelPath,
    found: F,
}

impl<F: FnMut(Hit) -> ControlFlow<()>> Sink for Lines<'_, F> {
    type Error = io::Error;

    fn matched(&mut self, _searcher: &Searcher, m: &SinkMatch<'_>) -> io::Result<bool> {
        let line = m.line_number().unwrap_or(0);
        let mut rest = m.bytes().strip_suffix(b"\n").unwrap_or(m.bytes());
        loop {
            let (piece, after) = rest.split_at(rest.len().min(PIECE_BYTES_MAX));
            let more = !after.is_empty();
            let hit =
                Hit { path: self.path.clone(), line, text: Bytes::copy_from_slice(piece), more };
            if (self.found)(hit).is_break() {
                return Ok(false);
            }
            if !more {
                return Ok(true);
            }
            rest = after;
        }
    }
}
