//! [`run`]: one simulation from a seed, and its report.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use grid::testing::Seeded;
use tokio::runtime::{Builder, Handle};
use tokio::task::JoinError;
use tokio::time::{Instant, sleep};
use tracing::Level;

use crate::call_spec::Shape;
use crate::checks::{settle, watch_memory};
use crate::panics::take_unexpected;
use crate::plan::Plan;
use crate::trace::{Lines, Trace};
use crate::without_faults::check_without_faults;
use crate::world::World;

/// Nodes that have ended leave no task behind after this time.
const END_TIME: Duration = Duration::from_secs(60);

/// Options of a run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Number of nodes; decided by the seed if `None`.
    pub nodes: Option<usize>,
    /// What happens to the lines of the trace.
    pub lines: Lines,
    /// Adds what the nodes log at this level, and the more serious ones, to the trace.
    pub log: Option<Level>,
}

/// The result of a run.
#[derive(Debug)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// Number of nodes.
    pub nodes: usize,
    /// Faults that began or ended.
    pub steps: usize,
    /// Virtual time that has passed.
    pub time: Duration,
    /// Calls by shape and outcome.
    pub outcomes: BTreeMap<(String, &'static str), u64>,
    /// Broken promises.
    pub violations: Vec<String>,
    /// The digest of everything that has happened.
    pub digest: u64,
    /// The lines of the trace that were kept.
    pub trace: Vec<String>,
}

impl Report {
    /// The report of a run that has panicked.
    pub(crate) fn of_panic(seed: u64) -> Self {
        Self {
            seed,
            nodes: 0,
            steps: 0,
            time: Duration::ZERO,
            outcomes: BTreeMap::new(),
            violations: take_unexpected(),
            digest: 0,
            trace: Vec::new(),
        }
    }
}

/// Simulates one grid, on this thread.
///
/// # Panics
/// If the runtime cannot be created, or this thread takes its random numbers from a seed already.
pub fn run(seed: u64, options: Options) -> Report {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime without sockets needs nothing from the system");
    runtime.block_on(async {
        let _seeded = Seeded::new(seed);
        let trace = Trace::new(options.lines);
        let _log = options.log.map(|level| trace.log(level));
        let start = Instant::now();
        let plan = Plan::new(seed, options.nodes);
        trace.add(format_args!("{plan:?}"));
        let world = World::new(plan, trace.clone());
        simulate(&world).await;
        let (ledger, nodes, steps) =
            (world.ledger.clone(), world.plan.nodes, world.plan.steps.len());
        end(world).await;
        take_unexpected().iter().for_each(|text| ledger.violation(format_args!("{text}")));
        let name =
            |((shape, outcome), count): ((Shape, _), _)| ((format!("{shape:?}"), outcome), count);
        Report {
            seed,
            nodes,
            steps,
            time: start.elapsed(),
            outcomes: ledger.outcomes().into_iter().map(name).collect(),
            violations: ledger.violations(),
            digest: trace.digest(),
            trace: trace.lines(),
        }
    })
}

/// Faults, their end, and what must hold then.
async fn simulate(world: &Arc<World>) {
    let course = tokio::spawn({
        let world = Arc::clone(world);
        async move {
            world.run_steps().await;
            world.heal().await;
            settle(&world).await;
            check_without_faults(&world).await;
        }
    });
    tokio::select! {
        biased;
        () = watch_memory(world) => {}
        ended = course => {
            if let Err(error) = ended {
                world.ledger.violation(format_args!("{}", text_of(error)));
            }
        }
    }
}

fn text_of(error: JoinError) -> String {
    let Ok(panic) = error.try_into_panic() else { return "cancelled".to_owned() };
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => {
            panic.downcast_ref::<&str>().map_or_else(String::new, |text| (*text).to_owned())
        }
    }
}

/// Ends all nodes. No task may be left.
async fn end(world: Arc<World>) {
    world.stop_calls();
    for node in 0..world.plan.nodes {
        world.grid.shutdown(node, Duration::from_secs(10)).await;
    }
    let ledger = world.ledger.clone();
    drop(world);
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let end = Instant::now() + END_TIME;
    while tasks() > 0 && Instant::now() < end {
        sleep(Duration::from_millis(100)).await;
    }
    if tasks() > 0 {
        ledger.violation(format_args!("{} tasks are left", tasks()));
    }
}
