//! The commands, one file for each.

mod call;
mod completion;
mod describe;
mod ls;
mod ping;
mod stream;

use std::time::Duration;

pub use self::call::Call;
pub use self::completion::Completion;
pub use self::describe::Describe;
pub use self::ls::Ls;
pub use self::ping::Ping;
pub use self::stream::Stream;

use clap::{Args, Subcommand};

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
            Self::Completion(command) => command.run(),
        }
    }
}

/// Options of calls of every shape.
#[derive(Debug, Args)]
pub(crate) struct CallOptions {
    /// The method: Service/method, or subroute:Service/method.
    method: String,
    /// The arguments as JSON, @file, or - for standard input. A single argument is the whole value; several are an object of
    /// their names. Bytes are base64, or `@file` or `text:…` with what follows.
    arguments: Option<String>,
    /// How long the call may take. Default: as the method says, or a minute; none for a stream.
    #[arg(short, long, value_parser = humantime::parse_duration, value_name = "TIME")]
    deadline: Option<Duration>,
    /// Metadata of the call. May be given several times.
    #[arg(short, long, value_parser = key_value, value_name = "KEY=VALUE")]
    metadata: Vec<(String, String)>,
}

fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or_else(|| format!("`{text}` is not KEY=VALUE"))?;
    Ok((key.to_owned(), value.to_owned()))
}

/// Sets the options of a call at the byte level.
macro_rules! with_options {
    ($call:expr, $options:expr, $method:expr) => {{
        let mut call = $call;
        if let Some(deadline) = $options.deadline.or($method.timeout()) {
            call = call.timeout(deadline);
        }
        for (key, value) in &$options.metadata {
            call = call.metadata(key, value.clone().into_bytes());
        }
        call
    }};
}
use with_options;

/// Writes a line, and fails if nobody reads any more.
pub(crate) fn line(text: impl std::fmt::Display) -> Result<(), Failure> {
    use std::io::Write as _;
    Ok(writeln!(std::io::stdout(), "{text}")?)
}
