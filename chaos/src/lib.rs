//! Runs a grid of real processes under real faults, and checks every answer; see `README.md` beside `Cargo.toml`.
//!
//! One program is both: the supervisor, which starts the nodes, carries their connections through a proxy, causes the faults and
//! judges what the nodes report; and a node, which calls all others all the time. The [`proxy`] serves other programs as well.
//! It needs Linux: `/proc`, signals and `SO_LINGER`. On other systems this crate is empty.
#![cfg(target_os = "linux")]

mod args;
mod check;
mod clock;
mod content;
mod fault;
mod id;
mod message;
mod node;
mod pair;
pub mod proxy;
mod shape;
mod supervisor;

use std::process::ExitCode;

use clap::Parser;

pub use crate::args::minutes;
use crate::args::{Args, Command};
pub use crate::pair::Pair;

/// The program `grid-chaos`.
pub fn main() -> ExitCode {
    let result = match Args::parse().command {
        Command::Run(run) => supervisor::main(&run),
        Command::Node => node::main().map(|()| ExitCode::SUCCESS),
    };
    result.unwrap_or_else(|error| {
        eprintln!("grid-chaos: {error}");
        ExitCode::FAILURE
    })
}
