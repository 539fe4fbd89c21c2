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

use clap::Subcommand;

use crate::connect::Global;
use crate::failure::Failure;

/// What to do.
#[derive(Debug, Subcommand)]
#[expect(missing_docs, reason = "clap would show it in place of the documentation of the struct")]
pub enum Command {
    Ls(Ls),
    Describe(Describe),
    Call(Call),
    Stream(Stream),
    Ping(Ping),
    Bench(Bench),
    Links(Links),
    Streams(Streams),
    Top(Top),
    Events(Events),
    Tap(Tap),
    Check(Check),
    Gather(Gather),
    Console(Console),
    Log(Log),
    Context(Context),
    Man(Man),
    Completion(Completion),
}

impl Command {
    /// `program` is what man pages and completion are made for.
    pub(crate) async fn run(self, global: &Global, program: clap::Command) -> Result<(), Failure> {
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
            Self::Man(command) => command.run(program),
            Self::Console(command) => command.run(global).await,
            Self::Log(command) => command.run(global).await,
            Self::Completion(command) => command.run(program),
        }
    }
}
