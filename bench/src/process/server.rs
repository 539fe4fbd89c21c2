//! The handle of a server process, for cells with two processes.
//!
//! Both use the child's standard input and output. The child prints its address, answers each line with its CPU time in
//! seconds, and exits at the end of the input.

use std::env::current_exe;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::cell::{Mode, Name};
use crate::error::Result;

/// A server in its own process. Dropping it ends the process.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    child: Child,
    /// `None` once the process is to end.
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Server {
    /// Starts the process. `peer` is the client's address, for contenders that may dial either way.
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

    /// CPU time of the process so far, in seconds.
    pub(crate) fn cpu_seconds(&mut self) -> Result<f64> {
        writeln!(self.input.as_mut().ok_or("the server has ended")?)?;
        Ok(line(&mut self.output)?.parse()?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.input = None;
        // Its exit status does not matter any more.
        let _ = self.child.wait();
    }
}

fn line(output: &mut impl BufRead) -> Result<String> {
    let mut line = String::new();
    output.read_line(&mut line)?;
    Ok(line.trim().to_owned())
}
