//! A node for testing other implementations, such as the one in Go: see `peer --help`.
//!
//! ```text
//! peer --local http://127.0.0.1:7001 --remote http://127.0.0.1:7002 --listen 127.0.0.1:7001
//! peer --local http://127.0.0.1:7002 --remote http://127.0.0.1:7001 --listen 127.0.0.1:7002 --drive
//! ```
//!
//! Handlers and checks are in the package's library, so that tests use the same ones.

mod args;

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use args::Args;
use clap::Parser as _;
use grid::{Config, Connection, Manager, StaticToken};
use grid_examples::peer::checks::run_all;
use grid_examples::peer::{bench, handlers};
use grid_examples::signal;
use tokio::net::TcpListener;
use tracing_subscriber::filter::LevelFilter;

/// Time for calls in flight to finish when this node shuts down.
const GRACE: Duration = Duration::from_secs(1);

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    log();
    match run(&args).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("peer: {error}");
            ExitCode::FAILURE
        }
    }
}

fn log() {
    let level = std::env::var("RUST_LOG").ok().and_then(|level| level.parse().ok());
    tracing_subscriber::fmt()
        .with_max_level(level.unwrap_or(LevelFilter::INFO))
        .with_writer(std::io::stderr)
        .init();
}

async fn run(args: &Args) -> Result<ExitCode, Box<dyn Error>> {
    // Before the line that says that this node listens: from then on a signal must end it properly.
    let interrupted = signal::interrupted()?;
    let listener = TcpListener::bind(&args.listen).await?;
    let builder = Manager::builder(&args.local)
        .hosts([&args.local, &args.remote])
        .token(StaticToken::new(&args.token))
        .config(Config::default().route(&args.route));
    let manager = handlers::install(builder).build()?;
    let role = if grid::dials(&args.local, &args.remote) { "dials" } else { "is dialed by" };
    println!("{} listens on {} and {role} {}", args.local, listener.local_addr()?, args.remote);
    let connection = manager.connection(&args.remote)?;
    let code = tokio::select! {
        result = manager.serve(listener) => result.map(|()| ExitCode::SUCCESS)?,
        result = work(args, &connection) => result?,
        () = interrupted => ExitCode::SUCCESS,
    };
    manager.shutdown(GRACE).await;
    Ok(code)
}

/// Runs the checks or the measurement that the arguments ask for. Without either it never returns.
async fn work(args: &Args, connection: &Connection) -> Result<ExitCode, Box<dyn Error>> {
    let load = args.load();
    if !args.drive && load.is_none() {
        return std::future::pending().await;
    }
    connection.wait_connected(args.wait).await?;
    let mut code = ExitCode::SUCCESS;
    if args.drive {
        let failed = run_all(connection, |outcome| println!("{outcome}")).await;
        if failed > 0 {
            println!("{failed} checks failed");
            code = ExitCode::FAILURE;
        }
    }
    if let Some(load) = load {
        println!("{}", bench::run(connection, load).await.map_err(|error| error.to_string())?);
    }
    Ok(code)
}
