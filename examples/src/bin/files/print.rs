//! Prints results to stdout and notes to stderr, and counts the notes.
//!
//! Bytes are printed unchanged, because names and lines need not be UTF-8. Control characters are replaced on terminals
//! only.

use std::{
    fs::File,
    io::{self, BufWriter, IsTerminal, Write},
    ops::ControlFlow,
    os::fd::AsFd,
};

use crate::{
    entry::{Entry, Hit, Seen},
    out::Out,
    path::RelPath,
};

/// Bytes that are collected for one write.
const BUFFER: usize = 64 << 10;

/// Something that prints as a line.
pub(crate) trait Line {
    /// Writes the line, or a piece of it.
    fn write(&self, at_start: bool, out: &mut dyn Write) -> io::Result<()>;

    /// Whether the line ends with this item.
    fn ends_line(&self) -> bool {
        true
    }
}

impl Line for Entry {
    fn write(&self, _at_start: bool, out: &mut dyn Write) -> io::Result<()> {
        self.write_line(out)
    }
}

/// In the format of `grep -rn`: `path:line:text`.
impl Line for Hit {
    fn write(&self, at_start: bool, out: &mut dyn Write) -> io::Result<()> {
        if at_start {
            out.write_all(self.path.as_bytes())?;
            write!(out, ":{}:", self.line)?;
        }
        out.write_all(&self.text)?;
        if self.more { Ok(()) } else { out.write_all(b"\n") }
    }

    fn ends_line(&self) -> bool {
        !self.more
    }
}

/// Standard output and the first error of writing to it.
#[derive(Debug)]
pub(crate) struct Printer {
    out: BufWriter<Terminal>,
    at_start: bool,
    failed: Option<io::Error>,
    skipped: u64,
}

impl Printer {
    /// Writes to a duplicate of stdout, because the standard library's is line-buffered.
    pub(crate) fn new() -> io::Result<Self> {
        let stdout = io::stdout();
        let out = Terminal {
            is: stdout.is_terminal(),
            file: stdout.as_fd().try_clone_to_owned()?.into(),
        };
        Ok(Self {
            out: BufWriter::with_capacity(BUFFER, out),
            at_start: true,
            failed: None,
            skipped: 0,
        })
    }

    /// Writes bytes of a file. Returns `Break` if stdout has failed; [`Printer::finish`] returns why.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> ControlFlow<()> {
        let written = self.out.write_all(bytes);
        self.note(written)
    }

    fn note(&mut self, written: io::Result<()>) -> ControlFlow<()> {
        match written {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                self.failed = Some(error);
                ControlFlow::Break(())
            }
        }
    }

    /// Prints a note on stderr that `what` was skipped.
    pub(crate) fn skip(&mut self, what: &RelPath, reason: &str) {
        self.skipped += 1;
        eprintln!("files: {what}: {reason}");
    }

    /// Flushes. Returns how many things were skipped, or why writing failed. A closed pipe (`| head`) is not an error.
    pub(crate) fn finish(mut self) -> io::Result<u64> {
        let result = match self.failed.take() {
            Some(error) => Err(error),
            None => self.out.flush(),
        };
        match result {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
            _ => Ok(self.skipped),
        }
    }
}

impl<T: Line> Out<Seen<T>> for Printer {
    fn put(&mut self, seen: Seen<T>) -> ControlFlow<()> {
        match seen {
            Seen::Skipped(skipped) => {
                self.skip(&skipped.path, &skipped.reason);
                ControlFlow::Continue(())
            }
            Seen::Item(item) => {
                let written = item.write(self.at_start, &mut self.out);
                self.at_start = item.ends_line();
                self.note(written)
            }
        }
    }
}

/// Stdout. If it is a terminal, control characters other than newline and tab become `?`, as in `ls` and `find`.
#[derive(Debug)]
struct Terminal {
    is: bool,
    file: File,
}

impl Write for Terminal {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.is {
            return self.file.write(bytes);
        }
        let harmless =
            |&b: &u8| if b.is_ascii_control() && b != b'\n' && b != b'\t' { b'?' } else { b };
        self.file.write_all(&bytes.iter().map(harmless).collect::<Vec<_>>())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
