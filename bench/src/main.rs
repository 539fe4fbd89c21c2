//! Measures grid and its peers at the same work, one process per measurement; see `README.md` beside `Cargo.toml`.
//!
//! Without a subcommand it is the conductor: it plans cells, runs each in its own process, interleaved, and reports.
//! The conductor starts it as one cell (`cell`), and a cell with two processes starts it as the server (`serve`).

mod args;
mod cell;
mod clock;
mod conductor;
mod error;
mod measure;
mod peers;
mod plan;
mod process;
mod report;
mod sample;

use clap::Parser;

use crate::args::{Args, Command};
use crate::error::Result;
use crate::measure::serve;

fn main() -> Result<()> {
    let args = Args::parse();
    match &args.command {
        Some(Command::Cell { cell, times }) => measure::main(*cell, times),
        Some(Command::Serve { contender, mode, peer }) => serve::main(*contender, *mode, *peer),
        None => conductor::main(&args),
    }
}
