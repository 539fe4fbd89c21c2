//! Measures openraft over grid beside HTTP, gRPC and function calls. `README.md` of this package says what and how.

mod args;
mod cell;
mod conductor;
mod error;
mod group;
mod measure;
mod net;
mod report;
mod store;
mod usage;

use std::io::{Write as _, stdout};

use clap::Parser as _;

use crate::args::{Args, Command};
use crate::error::Result;

fn main() -> Result<()> {
    let args = Args::parse();
    match args.command {
        None => conductor::run(&args),
        Some(Command::Cell { cell, sizes }) => {
            let sample = measure::run(cell, &sizes)?;
            Ok(writeln!(stdout(), "{}", serde_json::to_string(&sample)?)?)
        }
        Some(Command::Learner(args)) => measure::serve(args),
    }
}
