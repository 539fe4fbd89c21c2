//! The supervisor: starts everything, lets faults happen, and judges.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use grid_kv_oracle::history::Call;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep};

use crate::agreement;
use crate::args::{Bug, Run};
use crate::clients::{Clients, Shared};
use crate::clock;
use crate::fault::Deck;
use crate::fleet::Fleet;
use crate::inject::Injector;
use crate::journal::Journal;
use crate::members::Members;
use crate::meter::Meter;
use crate::noise::Noise;
use crate::results::{Results, failovers};
use crate::site::MEMBERS;
use crate::windows::{WINDOW, Window, Windows};

/// How often the bar is drawn.
const DRAW: Duration = Duration::from_millis(500);

/// Time after the last fault in which clients go on.
const CALM: Duration = Duration::from_secs(2);

/// The program `kv-chaos run`.
pub(crate) fn main(run: &Run) -> io::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(conduct(run))
}

async fn conduct(run: &Run) -> io::Result<ExitCode> {
    let seed = run.seed.unwrap_or_else(rand::random);
    println!("{:?} of faults, {} clients, seed {seed}", run.time(), run.clients);
    let temporary = tempfile::Builder::new().prefix("kv-chaos").tempdir()?;
    let folder = match &run.folder {
        Some(folder) => {
            std::fs::create_dir_all(folder)?;
            folder.clone()
        }
        None => temporary.path().to_owned(),
    };
    let journal = Arc::new(Journal::new(&folder.join("journal.log"), run.time())?);
    let supervisor = Supervisor::new(run, seed, &folder, &journal).await?;
    let results = tokio::select! {
        results = supervisor.conduct(run) => results,
        _ = tokio::signal::ctrl_c() => Err(io::Error::other("interrupted")),
    };
    journal.finish();
    let is_good = results.as_ref().is_ok_and(|results| results.violations == 0);
    if !is_good {
        if run.folder.is_none() {
            let _ = temporary.keep();
        }
        eprintln!("histories, data and logs are in {}", folder.display());
    }
    let results = results?;
    print!("{results}");
    if let Some(path) = &run.json {
        std::fs::write(path, serde_json::to_string_pretty(&results)?)?;
    }
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

struct Supervisor {
    seed: u64,
    folder: PathBuf,
    journal: Arc<Journal>,
    fleet: Arc<Fleet>,
    meter: Arc<Meter>,
    windows: Arc<Windows>,
    members: Arc<Members>,
    noise: Arc<Noise>,
}

impl Supervisor {
    async fn new(run: &Run, seed: u64, folder: &Path, journal: &Arc<Journal>) -> io::Result<Self> {
        let (lies, patience) = (run.bug == Some(Bug::LyingDisks), run.patience());
        let fleet = Fleet::new(folder.to_owned(), run.clients, seed, lies, patience).await?;
        let fleet = Arc::new(fleet);
        Ok(Self {
            seed,
            folder: folder.to_owned(),
            journal: Arc::clone(journal),
            meter: Arc::new(Meter::new()),
            windows: Arc::new(Windows::new(fleet.operator(), patience)),
            members: Arc::new(Members::new(&fleet, journal)),
            noise: Arc::default(),
            fleet,
        })
    }

    async fn conduct(self, run: &Run) -> io::Result<Results> {
        for place in 0..MEMBERS {
            self.fleet.settle(place).await?;
        }
        let operator = self.fleet.operator();
        self.fleet.await_leader(&operator).await?;
        let shared = Shared::new(
            Arc::clone(&self.fleet),
            Arc::clone(&self.windows),
            Arc::clone(&self.meter),
            Arc::clone(&self.journal),
        );
        let clients = Clients::start(&Arc::new(shared), run.clients, self.seed);
        let mut injector = self.injector(run);
        let (stop, stopped) = watch::channel(false);
        let turning = tokio::spawn(self.turning(stopped.clone()));
        let drawing = tokio::spawn(draw(Arc::clone(&self.journal), Arc::clone(&self.meter)));
        let noise = Arc::clone(&self.noise).run(Arc::clone(&self.fleet), run.clients, self.seed);
        let noise = run.only.is_empty().then(|| tokio::spawn(noise));
        let (members, is_over) = (Arc::clone(&self.members), stopped);
        let changing =
            run.only.is_empty().then(|| tokio::spawn(async move { members.run(is_over).await }));

        if let Err(error) = injector.run(run.time()).await {
            self.journal.violation(&format!("a fault has failed: {error}"));
        }
        stop.send_replace(true);
        if let Some(noise) = noise {
            noise.abort();
        }
        self.fleet.links.restore();
        if let Some(changing) = changing {
            let changed = changing.await.unwrap_or_else(|error| Err(io::Error::other(error)));
            if let Err(error) = changed {
                self.journal.violation(&format!("a change of members has failed: {error}"));
            }
        }
        sleep(CALM).await;
        clients.stop(&self.journal).await;
        drawing.abort();
        let _ = turning.await;
        self.end(run, &operator).await;
        Ok(self.results(&injector))
    }

    fn injector(&self, run: &Run) -> Injector {
        Injector {
            fleet: Arc::clone(&self.fleet),
            meter: Arc::clone(&self.meter),
            journal: Arc::clone(&self.journal),
            members: Arc::clone(&self.members),
            operator: self.fleet.operator(),
            clients: run.clients,
            random: StdRng::seed_from_u64(self.seed),
            deck: Deck::new(&run.only, clock::can_step()),
            patience: run.patience(),
            counts: Default::default(),
        }
    }

    /// Begins a window after another, and judges those that are over, until it is told to stop.
    fn turning(&self, mut stopped: watch::Receiver<bool>) -> impl Future<Output = ()> + use<> {
        let (windows, journal) = (Arc::clone(&self.windows), Arc::clone(&self.journal));
        let folder = self.folder.clone();
        async move {
            let mut judging = JoinSet::new();
            while tokio::time::timeout(WINDOW, stopped.wait_for(|stopped| *stopped)).await.is_err()
            {
                judging.spawn(close(
                    Arc::clone(&windows),
                    windows.turn(),
                    Arc::clone(&journal),
                    folder.clone(),
                ));
            }
            judging.join_all().await;
        }
    }

    /// Everything is healed: the last window, the audit, and whether all members have the same.
    async fn end(&self, run: &Run, operator: &grid_kv::client::Client) {
        let window = self.windows.turn();
        let (windows, journal) = (Arc::clone(&self.windows), Arc::clone(&self.journal));
        close(windows, window, journal, self.folder.clone()).await;
        for text in self.windows.audit().await {
            self.journal.violation(&text);
        }
        self.fleet.ended().iter().for_each(|text| self.journal.violation(text));
        // Nodes that are not there would be waited for.
        if self.journal.violations() > 0 {
            return;
        }
        if let Err(text) = agreement::check(&self.fleet, operator, run.patience()).await {
            self.journal.violation(&text);
        }
    }

    fn results(&self, injector: &Injector) -> Results {
        let (faults, failover) = failovers(&self.meter, &injector.counts);
        let (member_changes, member_attempts_unconfirmed) = self.members.counts();
        Results {
            seed: self.seed,
            seconds: self.journal.passed().as_secs_f64(),
            violations: self.journal.violations(),
            longest_pause_ms: self.meter.longest_pause().as_millis(),
            faults,
            failover,
            member_changes,
            member_attempts_unconfirmed,
            slow_links: self.noise.slow.load(Ordering::Relaxed),
            closed_links: self.noise.closed.load(Ordering::Relaxed),
            can_step_clocks: clock::can_step(),
            judged: self.windows.judged(),
        }
    }
}

/// Judges a window when it is over.
async fn close(windows: Arc<Windows>, window: Arc<Window>, journal: Arc<Journal>, folder: PathBuf) {
    let number = window.number;
    let (wrong, calls) = windows.close(window).await;
    for text in &wrong {
        journal.violation(&format!("window {number}: {text}"));
    }
    if !calls.is_empty() {
        let text: Vec<_> = calls.iter().map(Call::to_string).collect();
        let _ = std::fs::write(folder.join(format!("window{number}.history")), text.join("\n"));
    }
}

/// Shows how far the run is.
async fn draw(journal: Arc<Journal>, meter: Arc<Meter>) {
    let (began, mut ticks) = (Instant::now(), interval(DRAW));
    loop {
        ticks.tick().await;
        let (writes, violations) = (meter.writes(), journal.violations());
        let message = format!("{writes} writes acknowledged, {violations} violations");
        journal.progress(began.elapsed(), message);
    }
}
