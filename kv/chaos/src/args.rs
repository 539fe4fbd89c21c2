//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use grid_chaos::minutes;

use crate::fault::Kind;

/// Runs a replicated store in real processes under real faults, and judges what its clients see.
#[derive(Debug, Parser)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Starts the nodes, causes faults for a while, and reports. The exit code is not 0 if anything was wrong.
    Run(Run),
    /// One node; the supervisor starts it, and talks to it over its standard input and output.
    #[command(hide = true)]
    Node,
}

/// A deliberate mistake, which must be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Bug {
    /// Disks say of the log that it is synced before it is.
    LyingDisks,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Run {
    /// How long faults are caused; starting and ending the group comes on top.
    #[arg(long, default_value_t = 30.0, value_parser = minutes, conflicts_with = "seconds")]
    pub(crate) minutes: f64,
    /// The same in seconds.
    #[arg(long)]
    pub(crate) seconds: Option<u64>,
    /// Decides which faults there are, and where. The default is random, and printed.
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Clients that read and write all the time.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(crate) clients: u8,
    /// Only faults of these kinds, without changes of members and disturbed links.
    #[arg(long, value_name = "KIND")]
    pub(crate) only: Vec<Kind>,
    /// A deliberate mistake, which must be found.
    #[arg(long)]
    pub(crate) bug: Option<Bug>,
    /// How long the group may need to start, or to acknowledge a write again after a fault, in seconds.
    #[arg(long, default_value_t = 60)]
    pub(crate) recovery_s: u64,
    /// Writes the results into this file, as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Keeps data and logs in this folder, also when nothing was wrong.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) folder: Option<PathBuf>,
}

impl Run {
    /// How long faults are caused.
    pub(crate) fn time(&self) -> Duration {
        self.seconds.map_or(Duration::from_secs_f64(self.minutes * 60.0), Duration::from_secs)
    }

    /// How long the group may need to be of use again.
    pub(crate) fn patience(&self) -> Duration {
        Duration::from_secs(self.recovery_s)
    }
}
