//! Writes reports to the supervisor.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::process;

use crate::message::Report;

/// Writes reports to the standard output, without a buffer: what was reported is not lost when the process is killed.
#[derive(Debug)]
pub(super) struct Reporter(File);

impl Reporter {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self(io::stdout().as_fd().try_clone_to_owned()?.into()))
    }

    /// Writes one line. Several tasks may do so at once, because a line is short enough for a pipe to keep it together.
    pub(super) fn report(&self, report: &Report) {
        let mut line = serde_json::to_vec(report).expect("reports have string keys and no errors");
        line.push(b'\n');
        debug_assert!(line.len() <= rustix::pipe::PIPE_BUF, "a longer line could be torn apart");
        if (&self.0).write_all(&line).is_err() {
            // The supervisor has gone.
            process::exit(1);
        }
    }
}
