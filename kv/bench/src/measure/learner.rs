//! [`Learner`]: a new node that gets a snapshot, in a process of its own, so that its memory is known.
//!
//! Both use the child's standard input and output: the child prints its address, answers each line with the highest memory since
//! the last one, and exits at the end of the input.

use std::env::current_exe;
use std::io::{BufRead, BufReader, Write as _, stdin, stdout};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use clap::{Args, ValueEnum as _};
use tempfile::TempDir;

use crate::cell::Contender;
use crate::error::Result;
use crate::group::{listen, runtime};
use crate::net::{Place, Registry, start};
use crate::store::{Memory, Store as _};
use crate::usage;

/// What the process needs to know.
#[derive(Debug, Args)]
pub(crate) struct LearnerArgs {
    #[arg(long)]
    contender: Contender,
    #[arg(long)]
    id: u64,
    /// The addresses of the group.
    #[arg(long, value_delimiter = ',')]
    names: Vec<String>,
}

/// A node in another process. Dropping it ends the process.
pub(super) struct Learner {
    pub(super) name: String,
    child: Child,
    /// `None` once the process is to end.
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Learner {
    pub(super) fn spawn(contender: Contender, id: u64, place: &Place) -> Result<Self> {
        let contender = contender.to_possible_value().ok_or("a contender without a name")?;
        let names: Vec<_> = place.names.iter().map(|(_, name)| name.as_str()).collect();
        let mut child = Command::new(current_exe()?)
            .args(["learner", "--contender", contender.get_name(), "--id", &id.to_string()])
            .args(["--names", &names.join(",")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = child.stdin.take();
        let mut output = BufReader::new(child.stdout.take().ok_or("the node has no output")?);
        let name = line(&mut output)?;
        Ok(Self { name, child, input, output })
    }

    /// The highest resident memory since the last call, in KiB.
    pub(super) fn take_peak_kib(&mut self) -> Result<f64> {
        writeln!(self.input.as_mut().ok_or("the node has ended")?)?;
        Ok(line(&mut self.output)?.parse()?)
    }
}

impl Drop for Learner {
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

/// The process of a learner.
pub(crate) fn serve(args: LearnerArgs) -> Result<()> {
    let (listener, name) = listen()?;
    let (folder, runtime) = (TempDir::new()?, runtime()?);
    let names = (1..).zip(args.names).chain([(args.id, name.clone())]).collect();
    let place = Place { id: args.id, name: name.clone(), names };
    let _node = runtime.block_on(async {
        let store = Memory::open(folder.path(), 0)?;
        start::<Memory>(args.contender, &place, listener, store, &Registry::default()).await
    })?;
    writeln!(stdout(), "{name}")?;
    for line in stdin().lines() {
        line?;
        writeln!(stdout(), "{}", usage::take_peak_kib()?)?;
    }
    runtime.shutdown_background();
    Ok(())
}
