//! The commands, one file for each.

mod call;
mod completion;
mod describe;
mod ls;
mod options;
mod ping;
mod stream;

pub use self::call::Call;
pub use self::completion::Completion;
pub use self::describe::Describe;
pub use self::ls::Ls;
pub use self::ping::Ping;
pub use self::stream::Stream;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::connect::Global;
use crate::failure::Failure;

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Lists the services and methods of the node.
    Ls(Ls),
    /// Shows all about a service or a method: signature, documentation, options and schemas.
    Describe(Describe),
    /// Makes a single request, and prints its answer as JSON.
    Call(Call),
    /// Opens a stream: each line of standard input is an item, and each item of the answer a line.
    Stream(Stream),
    /// Measures the round trip to the node.
    Ping(Ping),
    /// Prints a completion script for a shell.
    Completion(Completion),
}

impl Command {
    pub(crate) async fn run(self, global: &Global) -> Result<(), Failure> {
        match self {
            Self::Ls(command) => command.run(global).await,
            Self::Describe(command) => command.run(global).await,
            Self::Call(command) => command.run(global).await,
            Self::Stream(command) => command.run(global).await,
            Self::Ping(command) => command.run(global).await,
            Self::Completion(command) => command.run(&mut Whole::command()),
        }
    }
}

/// All commands, as the program `grid` has them, for completion.
#[derive(Debug, Parser)]
#[command(name = "grid")]
struct Whole {
    #[command(flatten)]
    _global: Global,
    #[command(subcommand)]
    _command: Command,
}
