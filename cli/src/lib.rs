//! The command `grid` as a library: it connects to a node as a guest, asks it what it serves, and calls it.
//!
//! A program that wants these commands as its own puts [`Command`] into its clap arguments and runs it:
//!
//! ```no_run
//! use clap::{CommandFactory as _, Parser};
//! use grid_cli::{Command, EXIT_CODES, Global};
//!
//! #[derive(Parser)]
//! #[command(after_help = EXIT_CODES)]
//! struct Args {
//!     #[command(flatten)]
//!     global: Global,
//!     #[command(subcommand)]
//!     command: Command,
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::process::ExitCode {
//! let Args { global, command } = grid_cli::parse();
//! grid_cli::run(&global, command, Args::command()).await
//! # }
//! ```
//!
//! | file | what |
//! |---|---|
//! | `connect.rs` | options of the connection, and the connection itself |
//! | `credential.rs` | the secret or token that is given, if any |
//! | `contexts.rs` | connections that were saved under a name |
//! | `nodes.rs` | the nodes of a grid, and the streams of all of them as one |
//! | `snapshot.rs` | what all nodes report at one time |
//! | `grouped.rs` | what nodes have, each version once |
//! | `secrets.rs` | files for others, without the secrets of the command |
//! | `methods.rs` | finds a method by its name, with what the node says about it |
//! | `value/` | JSON to msgpack and back, with a schema |
//! | `payload.rs` | the arguments of a call as its request, and its answer as JSON |
//! | `console/` | the page of `grid console`: its server, and what it shows |
//! | `commands/` | one file for each command, and options.rs with the options of calls |
//! | `outline.rs`, `output.rs` | services and methods in one line; writing lines and tables |
//! | `progress.rs` | a line that says how far a command is |
//! | `usage.rs` | parses the command line |
//! | `failure.rs` | errors, and the exit code of each kind |

pub mod commands;
pub mod value;

mod connect;
mod console;
mod contexts;
mod credential;
mod failure;
mod grouped;
mod methods;
mod nodes;
mod outline;
mod output;
mod payload;
mod progress;
mod secrets;
mod snapshot;
mod usage;

use std::io::ErrorKind;
use std::process::ExitCode;

pub use self::commands::Command;
pub use self::connect::Global;
pub use self::failure::{EXIT_CODES, Failure};
pub use self::usage::parse;

/// Runs a command. What goes wrong is written to standard error, and decides the exit code.
///
/// `program` is the program that has the commands, for its man pages and its completion.
pub async fn run(global: &Global, command: Command, program: clap::Command) -> ExitCode {
    let ended = match command {
        Command::Context(command) => command.run(global),
        command => match global.with_context() {
            Ok(global) => command.run(&global, program).await,
            Err(failure) => Err(failure),
        },
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        // The reader has seen enough, as `head` does.
        Err(Failure::Io(error)) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        // It has been printed.
        Err(failure @ Failure::Check { .. }) => failure.exit_code(),
        Err(failure) => {
            output::note(format_args!("error: {failure}"));
            failure.exit_code()
        }
    }
}
