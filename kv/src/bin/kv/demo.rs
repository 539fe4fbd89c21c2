//! `kv demo`: three nodes, writes, and a leader that is killed.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tokio::time::{Instant, sleep};

use crate::exit::Failure;
use crate::load::{Load, Tally, lost};
use crate::processes::Processes;
use crate::progress::Progress;

/// The longest that a node may take to be ready, or the nodes to elect a leader, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often the bar is drawn.
const DRAW: Duration = Duration::from_millis(100);

/// Starts three nodes and kills the leader.
#[derive(Args)]
pub(crate) struct Demo {
    /// Clients that write without a pause
    #[arg(long, value_name = "N", default_value_t = 16)]
    writers: usize,
    /// How often the leader is killed
    #[arg(long, value_name = "N", default_value_t = 3)]
    kills: u32,
    /// Seconds of writes before each kill, and after the last one
    #[arg(long, value_name = "N", default_value_t = 3)]
    seconds: u64,
    /// Keeps data and logs in this folder, which must be empty [default: a temporary one]
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

impl Demo {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let temporary = tempfile::tempdir()?;
        let folder = match &self.folder {
            Some(folder) => empty(folder)?,
            None => temporary.path().to_owned(),
        };
        let each = Duration::from_secs(self.seconds);
        let progress = Progress::new(each * (self.kills + 1));
        let result = self.show(&folder, each, &progress).await;
        progress.finish();
        let tally = result?;
        verdict(&tally.0, tally.1)
    }

    async fn show(
        &self,
        folder: &std::path::Path,
        each: Duration,
        progress: &Progress,
    ) -> Result<(Tally, Vec<String>), Failure> {
        let began = Instant::now();
        let mut nodes = Processes::start(&std::env::current_exe()?, folder, 3)?;
        for at in 0..3 {
            nodes.ready(at, PATIENCE).await?;
        }
        let client = nodes.client();
        let leader = nodes.leader(&client, PATIENCE).await?;
        progress.line(&format!(
            "three nodes run, and {} leads after {:.1?}",
            nodes.name(leader),
            began.elapsed()
        ))?;
        let load = Load::start(&client, self.writers);
        let mut passed = Duration::ZERO;
        for _ in 0..self.kills {
            passed = wait(&load, progress, passed, each).await;
            kill_leader(&mut nodes, &load, progress).await?;
        }
        wait(&load, progress, passed, each).await;
        let tally = load.stop().await;
        let lost = lost(&client, &tally).await?;
        Ok((tally, lost))
    }
}

/// The folder, if it can be used.
fn empty(folder: &PathBuf) -> Result<PathBuf, Failure> {
    std::fs::create_dir_all(folder)?;
    match std::fs::read_dir(folder)?.next() {
        Some(_) => Err(Failure::Usage(format!("--folder {folder:?} is not empty"))),
        None => Ok(folder.clone()),
    }
}

/// Lets the writers write for a while.
async fn wait(load: &Load, progress: &Progress, before: Duration, each: Duration) -> Duration {
    let began = Instant::now();
    while began.elapsed() < each {
        let writes = load.tally().acknowledged.len();
        progress.set(before + began.elapsed(), format!("{writes} writes acknowledged"));
        sleep(DRAW.min(each.saturating_sub(began.elapsed()))).await;
    }
    before + each
}

async fn kill_leader(
    nodes: &mut Processes,
    load: &Load,
    progress: &Progress,
) -> Result<(), Failure> {
    let client = nodes.client();
    let old = nodes.leader(&client, PATIENCE).await?;
    let before = load.tally().acknowledged.len();
    load.mark();
    nodes.kill(old).await?;
    let new = nodes.leader(&client, PATIENCE).await?;
    // The next one leads when it has acknowledged a write.
    let began = Instant::now();
    let at = load.tally().acknowledged.len();
    while load.tally().acknowledged.len() == at && began.elapsed() < PATIENCE {
        sleep(Duration::from_millis(5)).await;
    }
    progress.line(&format!(
        "killed the leader, {}, after {before} writes: no write was acknowledged for {:.2?}, then {} led",
        nodes.name(old),
        load.longest(),
        nodes.name(new),
    ))?;
    nodes.restart(old)?;
    let took = nodes.ready(old, PATIENCE).await?;
    progress.line(&format!("started it again: it was ready, with all writes, after {took:.1?}"))?;
    Ok(())
}

fn verdict(tally: &Tally, lost: Vec<String>) -> Result<(), Failure> {
    let Tally { acknowledged, unknown, failed, .. } = tally;
    crate::output::line(format!(
        "{} writes were acknowledged, {} of them are lost; {unknown} have an unknown outcome, {} have failed",
        acknowledged.len(),
        lost.len(),
        failed.len(),
    ))?;
    if let Some(key) = lost.first() {
        return Err(Failure::NotDone(format!("an acknowledged write is lost: {key}")));
    }
    match failed.first() {
        Some(error) => Err(Failure::NotDone(format!("a write has failed: {error}"))),
        None => Ok(()),
    }
}
