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
    /// Only what the ratios need that the project aims at; ends within three minutes.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Writes results.json, report.md and one plot per work into this directory.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Only these contenders.
    #[arg(long, value_delimiter = ',', value_name = "NAME,..")]
    pub(crate) only: Vec<Name>,
    /// Only these works.
    #[arg(long, value_delimiter = ',', value_name = "WORK,..")]
    pub(crate) work: Vec<Work>,
    /// Only these modes.
    #[arg(long, value_delimiter = ',', value_name = "MODE,..")]
    pub(crate) mode: Vec<Mode>,
    /// Only works of this width: calls in flight, nodes or links.
    #[arg(long, value_delimiter = ',', value_name = "N,..")]
    pub(crate) width: Vec<u32>,
    /// How often each cell is measured; 5 by default.
    #[arg(long)]
    pub(crate) repeats: Option<u32>,
    /// Milliseconds of each measurement.
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
