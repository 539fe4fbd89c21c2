//! The supervisor: starts the nodes, causes the faults of the plan, and judges what the nodes report.

mod finish;
mod fleet;
mod inject;
mod judge;
mod logs;
mod process;
mod progress;
mod results;
mod table;
mod usage;
mod violation;
mod watch;

use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use self::fleet::Fleet;
use self::judge::{Judge, Limits};
use self::progress::Progress;
use self::results::Results;
use crate::args::Run;
use crate::fault;

/// The nodes must be connected with each other this long after they were started.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// The program `grid-chaos run`.
pub(crate) fn main(run: &Run) -> io::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(conduct(run))
}

async fn conduct(run: &Run) -> io::Result<ExitCode> {
    let seed = run.seed.unwrap_or_else(rand::random);
    let time = run.time();
    let plan = fault::plan(seed, run.nodes, time);
    println!("{} nodes, {:?}, seed {seed}, {} faults planned", run.nodes, time, plan.len());

    let limits = Limits {
        slack: Duration::from_millis(run.slack_ms),
        recovery: Duration::from_secs(run.recovery_s),
    };
    let progress = Progress::new(time);
    let judge = Judge::new(run.nodes, limits, time, progress.clone());
    let fleet = Arc::new(Fleet::new(run, seed, judge).await?);
    let mut interrupt = std::pin::pin!(tokio::signal::ctrl_c());
    let watching = tokio::spawn(watch::watch(Arc::clone(&fleet), time));
    let acts = async {
        fleet.start_all().await?;
        if fleet.judge.recovered(limits.patient(START_TIMEOUT)).await {
            inject::inject(&fleet, &plan, seed, time, &progress).await;
            finish::finish(&fleet).await;
        } else {
            fleet.judge.violation(&[], None, "the nodes are not connected after their start");
        }
        Ok::<_, io::Error>(())
    };
    tokio::select! {
        done = acts => done?,
        _ = &mut interrupt => fleet.judge.violation(&[], None, "the run was interrupted"),
        () = fleet.judge.given_up() => {}
    }
    watching.abort();
    fleet.end().await;
    fleet.judge.close();
    progress.finish();

    let results = Results::of(&fleet.judge, seed, run.nodes, time);
    print!("{}", table::render(&results));
    if let Some(path) = &run.json {
        std::fs::write(path, serde_json::to_string_pretty(&results)?)?;
    }
    Ok(if results.violations == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
