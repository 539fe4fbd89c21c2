//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::cell::{Cell, Mode, Name, Times, Work};

/// Measures grid and its peers at the same work.
#[derive(Debug, Parser)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    /// Measure only what the table of targets needs; takes less than three minutes.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Write results.json, report.md and one plot per work into this directory.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Measure only these contenders.
    #[arg(long, value_delimiter = ',', value_name = "NAME,..")]
    pub(crate) only: Vec<Name>,
    /// Measure only these works.
    #[arg(long, value_delimiter = ',', value_name = "WORK,..")]
    pub(crate) work: Vec<Work>,
    /// Measure only these modes.
    #[arg(long, value_delimiter = ',', value_name = "MODE,..")]
    pub(crate) mode: Vec<Mode>,
    /// Measure only works of this width: calls in flight, nodes or links.
    #[arg(long, value_delimiter = ',', value_name = "N,..")]
    pub(crate) width: Vec<u32>,
    /// Number of measurements of each cell; 5 by default.
    #[arg(long)]
    pub(crate) repeats: Option<u32>,
    /// Duration of each measurement in milliseconds.
    #[arg(long, value_name = "MS")]
    pub(crate) time_ms: Option<u64>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Measures one cell in this process and prints the sample as JSON. For profilers.
    Cell {
        #[command(flatten)]
        cell: Cell,
        #[command(flatten)]
        times: Times,
    },
    /// Measures how long it takes to build one small program with grid, tarpc and tonic, and how large it is.
    Build {
        /// Number of builds of each program with the dev profile.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
        rounds: u32,
    },
    /// The server half of a cell with two processes.
    #[command(hide = true)]
    Serve {
        #[arg(long)]
        contender: Name,
        #[arg(long)]
        mode: Mode,
        #[arg(long)]
        peer: SocketAddr,
    },
}
