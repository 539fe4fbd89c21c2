//! Measures grid and its peers at the same work, one process per measurement; see `README.md` beside `Cargo.toml`.
//!
//! Started by hand it is the conductor: it plans cells, runs each in a process of its own, interleaved, and reports.
//! Started by itself it is one such cell (`cell`), or the server half of one (`serve`).

mod args;
mod cell;
mod clock;
mod load;
mod nodes;
mod peers;
mod plan;
mod plot;
mod report;
mod run;
mod sample;
mod server;
mod targets;
mod usage;
mod work;

use clap::Parser;

use args::{Args, Command};

/// Whatever goes wrong ends the process with its text; nobody asks what kind it was.
type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T, E = Error> = std::result::Result<T, E>;

fn main() -> Result<()> {
    let args = Args::parse();
    match &args.command {
        Some(Command::Cell { cell, times }) => cell::main(*cell, times),
        Some(Command::Serve { contender, mode, peer }) => server::main(*contender, *mode, *peer),
        None => run::main(&args),
    }
}
