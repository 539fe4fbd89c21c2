//! [`finish`]: ends all faults, and looks what is left.

use grid_kv::model::{Item, Types};
use grid_kv::node::Node;
use openraft::RaftMetrics;
use openraft::ReadPolicy;
use openraft::async_runtime::watch::WatchReceiver as _;
use tokio::time::{sleep, timeout};

use super::clients::{Clients, KEYS, read};
use super::group::{Group, PATIENCE};
use crate::history::Recorder;

/// The number of the client that reads at the end.
const LAST_CLIENT: usize = 99;

/// Ends all faults. Then there must be a leader, clients must end, each key must be readable, and all members must have the same.
pub(super) async fn finish(
    group: &mut Group,
    clients: Clients,
    recorder: &Recorder,
) -> Vec<String> {
    let mut wrong = Vec::new();
    group.network.heal_all();
    for at in 0..group.len() {
        // Also those whose disk has failed.
        group.lose_power(at).await;
        wrong.extend(group.restart(at).await.err());
    }
    // Those that were started later have cut others off.
    group.network.heal_all();
    let Ok(leader) = timeout(PATIENCE, leader(group)).await else {
        wrong.push(format!("no leader within {PATIENCE:?}{}", states(group)));
        return wrong;
    };
    wrong.extend(clients.stop().await);
    wrong.extend(read_all(group, recorder).await);
    wrong.extend(compare(group, leader).await);
    wrong
}

/// What each node says of itself.
fn states(group: &Group) -> String {
    let nodes = group.running().into_iter().filter_map(|at| group.node(at));
    let texts = nodes.map(|node| format!("\n{}", *node.raft().metrics().borrow_watched()));
    texts.collect()
}

async fn leader(group: &Group) -> usize {
    loop {
        for at in group.running() {
            let Some(node) = group.node(at) else { continue };
            if node.raft().ensure_linearizable(ReadPolicy::ReadIndex).await.is_ok() {
                return at;
            }
        }
        sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// Reads each key, after all writes.
async fn read_all(group: &Group, recorder: &Recorder) -> Vec<String> {
    let client = group.client("reader").with_timeout(PATIENCE);
    let mut wrong = Vec::new();
    for key in KEYS {
        wrong.extend(read(&client, key, recorder, LAST_CLIENT).await.err());
    }
    wrong
}

type Items = Vec<(String, Item)>;

fn items(node: &Node) -> Result<Items, String> {
    node.state().scan("", None, usize::MAX).map_err(|error| error.to_string())
}

/// Compares what all voters have applied.
async fn compare(group: &Group, leader: usize) -> Vec<String> {
    let Some(node) = group.node(leader) else { return Vec::new() };
    let metrics = node.raft().metrics().borrow_watched().clone();
    let expected = items(node);
    let mut wrong = Vec::new();
    for id in metrics.membership_config.membership().voter_ids() {
        let at = id as usize - 1;
        let Some(other) = group.node(at) else {
            wrong.push(format!("{} does not run", group.name(at)));
            continue;
        };
        let has_all = |now: &RaftMetrics<Types>| now.last_applied >= metrics.last_applied;
        let waiting = other.raft().wait(Some(PATIENCE));
        if let Err(error) = waiting.metrics(has_all, "all entries").await {
            wrong.push(format!("{} does not catch up: {error}", group.name(at)));
        } else if items(other) != expected {
            let names = (group.name(leader), group.name(at));
            let found = items(other);
            wrong.push(format!("{names:?} have different states:\n{expected:?}\n{found:?}"));
        }
    }
    wrong
}
