//! `grid`: lists, calls and watches the services of a running grid.

use std::process::ExitCode;

use clap::Parser;
use grid_cli::{Command, Global, run};

/// Lists, calls and watches the services of a running grid, as a guest of one of its nodes.
#[derive(Debug, Parser)]
#[command(name = "grid", version, after_help = EXIT_CODES)]
struct Args {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done; 1 the method's own error; 2 wrong usage or input, nothing was sent; \
3 no connection; 4 not permitted; 5 deadline exceeded; 6 no such service or method; 7 the connection was lost, and the call may \
have run; 8 overloaded or shutting down; 9 any other error of the node.";

#[tokio::main]
async fn main() -> ExitCode {
    let Args { global, command } = Args::parse();
    run(&global, command).await
}
