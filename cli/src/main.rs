//! `grid`: lists, calls and watches the services of a running grid.

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser};
use grid_cli::{Command, EXIT_CODES, Global, parse, run};

/// Lists, calls and watches the services of a running grid, as a guest of one of its nodes.
#[derive(Debug, Parser)]
#[command(name = "grid", version, after_help = EXIT_CODES)]
struct Args {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Args { global, command } = parse();
    run(&global, command, Args::command()).await
}
