//! [`Beats`]: times heartbeats of one node to another, as openraft sends them, but more often.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use grid_kv::model::Types;
use openraft::BasicNode;
use openraft::base::BoxFuture;
use openraft::network::{NetStreamAppend as _, RPCOption, RaftNetworkFactory};
use openraft::raft::AppendEntriesRequest;
use openraft::type_config::alias::VoteOf;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// From one to the next. openraft's own are too rare for a quantile within a transfer.
const EVERY: Duration = Duration::from_millis(2);

/// Longer than any that is measured, so that late ones are counted with their time.
const TTL: Duration = Duration::from_secs(20);

/// Heartbeats to one node.
#[derive(Clone)]
pub(crate) struct Beats {
    pub(crate) target: u64,
    pub(crate) node: BasicNode,
    /// The leader's.
    pub(crate) vote: VoteOf<Types>,
    pub(crate) stop: Arc<AtomicBool>,
}

/// What became of them.
#[derive(Default)]
pub(crate) struct Beaten {
    /// When the first was sent that was answered: the nodes are connected.
    pub(crate) first: Option<Instant>,
    /// What they took, in microseconds.
    pub(crate) micros: Vec<u32>,
    /// How many have failed after the first that has not.
    pub(crate) failed: u64,
}

/// Sends heartbeats through the network of one node until they are stopped.
pub(crate) type Probe = Box<dyn Fn(Beats) -> BoxFuture<'static, Beaten> + Send>;

/// Heartbeats through the networks that `factory` makes.
pub(super) fn probe<F>(factory: impl Fn() -> F + Send + 'static) -> Probe
where
    F: RaftNetworkFactory<Types>,
{
    Box::new(move |beats| Box::pin(run(factory(), beats)))
}

async fn run(mut network: impl RaftNetworkFactory<Types>, beats: Beats) -> Beaten {
    let mut client = network.new_heartbeat_client(beats.target, &beats.node).await;
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut beaten = Beaten::default();
    while !beats.stop.load(Ordering::Relaxed) {
        ticks.tick().await;
        let request = AppendEntriesRequest::<Types> {
            vote: beats.vote,
            prev_log_id: None,
            entries: Vec::new(),
            leader_commit: None,
        };
        let began = Instant::now();
        let input = Box::pin(stream::once(async { request }));
        let is_answered = match client.stream_append(input, RPCOption::new(TTL)).await {
            Ok(mut answers) => matches!(answers.next().await, Some(Ok(_))),
            Err(_) => false,
        };
        if is_answered {
            beaten.first.get_or_insert(began);
            let took = u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX);
            beaten.micros.push(took);
        } else if !beaten.micros.is_empty() {
            beaten.failed += 1;
        }
    }
    beaten
}
