//! `kv`: a node of a replicated key-value store, its client, and a demonstration.
//!
//! Three nodes on one machine:
//!
//! ```sh
//! cargo build --release -p grid-kv; export PATH=$PWD/target/release:$PATH
//! export KV_SECRET=of-nodes KV_CLIENTS_SECRET=of-clients KV_OPERATORS_SECRET=of-operators
//! export KV_PEERS=1=http://127.0.0.1:9001,2=http://127.0.0.1:9002,3=http://127.0.0.1:9003
//! for id in 1 2 3; do kv node --name http://127.0.0.1:900$id --data /tmp/kv-$id --listen 127.0.0.1:900$id --probes 127.0.0.1:910$id & done
//! export KV_NODES=http://127.0.0.1:9001,http://127.0.0.1:9002,http://127.0.0.1:9003
//! kv put greeting hello; kv get greeting; kv status
//! ```
//!
//! `kv demo` does all that by itself, and kills a node. Settings are flags, environment variables or lines of a TOML file.

mod bench;
mod client;
mod demo;
mod exit;
mod load;
mod node;
mod observe;
mod output;
#[allow(dead_code, reason = "the tests, which have this file as well, use the rest of it")]
mod processes;
mod progress;
mod reads;
mod settings;
mod writes;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::client::Target;
use crate::exit::Failure;

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  the answer is no: there is no such key, or a key is not as expected
  2  wrong usage, or wrong settings
  3  not done: no node could be reached, there is no leader, or the request was refused
  4  not known: a write was not acknowledged in time, and may have been applied or not";

/// A replicated key-value store
#[derive(Parser)]
#[command(name = "kv", version, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs a node
    Node(settings::Flags),
    /// Prints the value of a key
    Get(reads::Get),
    /// Writes a key
    Put(writes::Put),
    /// Writes or deletes a key if it is as expected
    Cas(writes::Cas),
    /// Deletes keys
    Delete(writes::Delete),
    /// Prints the keys with a prefix, and their values
    Scan(reads::Scan),
    /// Prints changes as they happen
    Watch(reads::Watch),
    /// Adds and removes members; needs the secret of operators
    #[command(subcommand)]
    Members(writes::Members),
    /// Prints what each node knows of the group
    Status(Target),
    /// Measures writes and reads
    Bench(bench::Bench),
    /// Starts three nodes, writes, kills the leader, and checks that nothing was lost
    Demo(demo::Demo),
}

#[tokio::main]
async fn main() -> ExitCode {
    // With wrong flags it ends with 2.
    match run(Cli::parse().command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Node(flags) => node::run(flags.settings()?).await,
        Command::Get(get) => get.run().await,
        Command::Put(put) => put.run().await,
        Command::Cas(cas) => cas.run().await,
        Command::Delete(delete) => delete.run().await,
        Command::Scan(scan) => scan.run().await,
        Command::Watch(watch) => watch.run().await,
        Command::Members(members) => members.run().await,
        Command::Status(target) => reads::status(target).await,
        Command::Bench(bench) => bench.run().await,
        Command::Demo(demo) => demo.run().await,
    }
}
