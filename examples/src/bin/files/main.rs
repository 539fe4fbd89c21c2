//! `files`: lists, reads and searches the directory trees of several nodes over `grid`.
//!
//! `files demo` runs everything in one process; `files node` is one node of a cluster, and
//! `files ls|cat|search --via URL` ask a running node. They print what `find` and `LC_ALL=C grep -rnIE` print for the
//! same tree.
//! Read on in `tree` and `search` (the disk), `service` (the traits), `serve` and `ask` (their implementations).
#![cfg(unix)]

mod ask;
mod cli;
mod cluster;
mod console;
mod demo;
mod entry;
mod error;
mod lines;
mod local;
mod merge;
mod node;
mod out;
mod path;
mod peers;
mod print;
mod progress;
mod report;
mod search;
mod serve;
mod service;
mod tree;

#[cfg(test)]
mod compare_tests;
#[cfg(test)]
mod safety_tests;
#[cfg(test)]
mod testtree;

use std::{error::Error, io, process::ExitCode};

use clap::Parser;
use tracing_subscriber::filter::LevelFilter;

use crate::{
    cli::{Cat, Cli, Command, Ls, Search},
    error::chain,
    print::Printer,
};

type Failure = Box<dyn Error>;

#[tokio::main]
async fn main() -> ExitCode {
    // For the library's warnings, such as refused connections with the reason.
    tracing_subscriber::fmt().with_writer(io::stderr).with_max_level(LevelFilter::WARN).init();
    match run(&Cli::parse().command).await {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE, // something was skipped
        Err(error) if is_broken_pipe(&*error) => ExitCode::SUCCESS, // as with `| head`
        Err(error) => {
            eprintln!("error: {}", chain(&*error));
            ExitCode::FAILURE
        }
    }
}

/// Runs the command. Returns how many things had to be skipped, each with a note on stderr.
async fn run(command: &Command) -> Result<u64, Failure> {
    match command {
        Command::Demo(args) => demo::run(args).await,
        Command::Node(args) => node::run(args).await.map(|()| 0),
        Command::Ls(Ls { source, .. })
        | Command::Cat(Cat { source, .. })
        | Command::Search(Search { source, .. }) => {
            let mut out = Printer::new()?;
            let done = match &source.whom.dir {
                Some(dir) => local::run(dir, command, &mut out).map_err(Failure::from),
                None => console::run(source, command, &mut out).await,
            };
            // Results before an error are printed as well.
            let skipped = out.finish()?;
            done.map(|()| skipped)
        }
    }
}

fn is_broken_pipe(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
