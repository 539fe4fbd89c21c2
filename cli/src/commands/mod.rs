//! The commands, one file for each.

mod bench;
mod call;
pub(crate) mod check;
mod completion;
mod console;
mod context;
mod describe;
mod events;
mod gather;
mod links;
mod log;
mod ls;
mod man;
mod options;
mod ping;
mod stream;
pub(crate) mod streams;
mod tap;
mod top;

pub use self::bench::Bench;
pub use self::call::Call;
pub use self::check::Check;
pub use self::completion::Completion;
pub use self::console::Console;
pub use self::context::Context;
pub use self::describe::Describe;
pub use self::events::Events;
pub use self::gather::Gather;
pub use self::links::Links;
pub use self::log::Log;
pub use self::ls::Ls;
pub use self::man::Man;
pub use self::ping::Ping;
pub use self::stream::Stream;
pub use self::streams::Streams;
pub use self::tap::Tap;
pub use self::top::Top;

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
    /// Measures the round trip to the node, or shows those between all nodes.
    Ping(Ping),
    /// Measures how fast a method answers: the same request again and again.
    Bench(Bench),
    /// Lists the links of the node: states, round trips and traffic.
    Links(Links),
    /// Lists the streams of the node with their windows, and who waits for whom.
    Streams(Streams),
    /// Shows which methods are called how often, how long they take and how many fail, and the links; live on a terminal.
    Top(Top),
    /// Prints what has happened, and what happens: links that come and go, members, and warnings.
    Events(Events),
    /// Shows calls when they are over: method, peer, outcome, time and bytes, but never what they carry.
    Tap(Tap),
    /// Looks for what is wrong with the grid, for monitoring. Exit code 0: nothing; 1: warnings; 2: calls fail or will fail.
    Check(Check),
    /// Collects what a report of a fault needs in one archive.
    Gather(Gather),
    /// Serves a page for browsers with all of that, live: the nodes and links as a graph, methods, events, calls.
    Console(Console),
    /// Shows or sets what the node writes to its log.
    Log(Log),
    /// Saves connections under a name, or lists them.
    Context(Context),
    /// Writes man pages of all commands.
    Man(Man),
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
            Self::Bench(command) => command.run(global).await,
            Self::Links(command) => command.run(global).await,
            Self::Streams(command) => command.run(global).await,
            Self::Top(command) => command.run(global).await,
            Self::Events(command) => command.run(global).await,
            Self::Tap(command) => command.run(global).await,
            Self::Check(command) => command.run(global).await,
            Self::Gather(command) => command.run(global).await,
            Self::Context(command) => command.run(global),
            Self::Man(command) => command.run(Whole::command()),
            Self::Console(command) => command.run(global).await,
            Self::Log(command) => command.run(global).await,
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
