//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};

/// Runs a grid of real processes under real faults, and checks every answer.
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

#[derive(Debug, clap::Args)]
pub(crate) struct Run {
    /// How long faults are caused; starting and ending the grid comes on top.
    #[arg(long, default_value_t = 10.0, value_parser = minutes, conflicts_with = "seconds")]
    pub(crate) minutes: f64,
    /// The same in seconds.
    #[arg(long)]
    pub(crate) seconds: Option<u64>,
    /// Number of nodes.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(2..=16))]
    pub(crate) nodes: u8,
    /// Decides which faults there are, when and where. The default is random, and printed.
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// How long after its deadline a call may end, in milliseconds, without the time in which its process did not run.
    #[arg(long, default_value_t = 1000)]
    pub(crate) slack_ms: u64,
    /// How long two nodes may need to answer each other again after their last fault, in seconds.
    #[arg(long, default_value_t = 20)]
    pub(crate) recovery_s: u64,
    /// Average pause of a caller between two calls, in milliseconds. Each node has four callers for each other node.
    #[arg(long, default_value_t = 5)]
    pub(crate) pause_ms: u64,
    /// Writes the results into this file, as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

impl Run {
    /// How long faults are caused.
    pub(crate) fn time(&self) -> Duration {
        self.seconds.map_or(Duration::from_secs_f64(self.minutes * 60.0), Duration::from_secs)
    }
}

/// Parses the minutes of a run.
///
/// # Errors
/// A text that says which numbers are accepted.
pub fn minutes(text: &str) -> Result<f64, String> {
    let minutes: f64 = text.parse().map_err(|error| format!("{error}"))?;
    let is_usable = (0.1..=1440.0).contains(&minutes);
    is_usable.then_some(minutes).ok_or_else(|| "must be from 0.1 to 1440".to_owned())
}
