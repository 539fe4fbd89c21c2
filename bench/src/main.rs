//! Measures grid and its peers at the same work, one process per measurement; see `README.md` beside `Cargo.toml`.
//!
//! Without a subcommand it is the conductor: it plans cells, runs each in its own process, interleaved, and reports.
//! `build` measures what it costs to compile the libraries.
//! The conductor starts it as one cell (`cell`), and a cell with two processes starts it as the server (`serve`).

mod args;
mod build_cost;
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
        Some(Command::Build { rounds }) => build_cost::main(*rounds),
        None => conductor::main(&args),
    }
}
