//! Runs a group of the key-value store `kv` in real processes under real faults, and judges what its clients see.
//!
//! One program is both: the supervisor, which starts the nodes and the clients, carries their connections through the proxy of
//! `grid-chaos`, causes the faults and judges the history with `grid-kv-oracle`; and a node, whose disk the supervisor can break.
//! What it does, and what it has found, is in `docs/reliability.md`. On other systems than Linux this crate is empty.
#![cfg(target_os = "linux")]

mod agreement;
mod args;
mod clients;
mod clock;
mod disk;
mod fault;
mod fleet;
mod inject;
mod journal;
mod links;
mod lost;
mod members;
mod message;
mod meter;
mod node;
mod noise;
mod operation;
mod partition;
mod process;
mod rest;
mod results;
mod run;
mod site;
mod table;
mod windows;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Args, Command};

/// The program `kv-chaos`.
pub fn main() -> ExitCode {
    let result = match Args::parse().command {
        Command::Run(run) => run::main(&run),
        Command::Node => node::main().map(|()| ExitCode::SUCCESS),
    };
    result.unwrap_or_else(|error| {
        eprintln!("kv-chaos: {error}");
        ExitCode::FAILURE
    })
}
