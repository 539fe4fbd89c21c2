//! The server half of a cell with two processes: this process's view of it, and its own.
//!
//! They talk over the child's standard input and output. The child prints its address, answers every line with its CPU
//! seconds, and ends when the input does.

use std::env::current_exe;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::cell::{Mode, Name};
use crate::error::Result;

/// A server in a process of its own, which ends with this handle.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    child: Child,
    /// `None` once it is told to end.
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Server {
    /// Starts it; `peer` is where the client listens, for those that connect both ways.
    pub(crate) fn start(contender: Name, mode: Mode, peer: SocketAddr) -> Result<Self> {
        let mut child = Command::new(current_exe()?)
            .args(["serve", "--contender", contender.name(), "--mode", mode.name()])
            .args(["--peer", &peer.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = child.stdin.take();
        let mut output = BufReader::new(child.stdout.take().ok_or("the server has no output")?);
        let address = line(&mut output)?.parse()?;
        Ok(Self { address, child, input, output })
    }

    /// What it has used so far.
    pub(crate) fn cpu_seconds(&mut self) -> Result<f64> {
        writeln!(self.input.as_mut().ok_or("the server has ended")?)?;
        Ok(line(&mut self.output)?.parse()?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.input = None;
        // It is of no use any more, whatever it says.
        let _ = self.child.wait();
    }
}

fn line(output: &mut impl BufRead) -> Result<String> {
    let mut line = String::new();
    output.read_line(&mut line)?;
    Ok(line.trim().to_owned())
}
