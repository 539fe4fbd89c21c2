//! The end of a run: everything is healed, and the grid must become quiet, empty and whole.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::fleet::Fleet;
use super::usage;
use crate::check::check_idle_threads;
use crate::message::{Order, Status};
use crate::pair::Pair;

/// After the last fault, all nodes must have answered each other.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// All calls must end on a healed grid.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);

/// Tables must be empty this long after the last call.
const EMPTY_TIMEOUT: Duration = Duration::from_secs(10);

/// A thread of the runtime ends when it has had nothing to do for ten seconds.
const IDLE_TIMEOUT: Duration = Duration::from_secs(15);

/// One call of each shape to each node.
const ROUND_TIMEOUT: Duration = Duration::from_secs(30);

/// Ends the calls, looks for what is left of them, makes a last round of calls, and shuts all nodes down.
pub(super) async fn finish(fleet: &Fleet) {
    let connect_timeout = fleet.judge.limits.patient(CONNECT_TIMEOUT);
    if !fleet.judge.recovered(connect_timeout).await {
        let what = format!("not all nodes are connected {connect_timeout:?} after the last fault");
        fleet.judge.violation(&(0..fleet.nodes).collect::<Vec<_>>(), None, &what);
    }
    order_all(fleet, Order::Pause).await;
    for node in 0..fleet.nodes {
        wait(fleet, node, DRAIN_TIMEOUT, "some calls do not end", |replies| replies.is_paused)
            .await;
    }
    must_be_empty(fleet).await;
    must_end_threads(fleet).await;
    order_all(fleet, Order::Round).await;
    for node in 0..fleet.nodes {
        wait(fleet, node, ROUND_TIMEOUT, "the last round does not end", |replies| {
            replies.is_round_over
        })
        .await;
    }
    must_be_empty(fleet).await;
    must_have_one_connection_each(fleet);
    for node in 0..fleet.nodes {
        let mut slot = fleet.slot(node).await;
        if let Err(error) = fleet.shut_down(node, &mut slot).await {
            fleet.judge.violation(&[node], None, &format!("it cannot be shut down: {error}"));
        }
    }
}

async fn order_all(fleet: &Fleet, order: Order) {
    for node in 0..fleet.nodes {
        if let Some(process) = &mut fleet.slot(node).await.process
            && let Err(error) = process.order(order).await
        {
            fleet.judge.violation(&[node], None, &format!("it takes no order: {error}"));
        }
    }
}

async fn wait(
    fleet: &Fleet,
    node: u8,
    max: Duration,
    otherwise: &str,
    is_done: impl Fn(&super::process::Replies) -> bool,
) {
    let mut slot = fleet.slot(node).await;
    let Some(process) = &mut slot.process else { return };
    let max = fleet.judge.limits.patient(max);
    if process.reply(max, |replies| is_done(replies).then_some(())).await.is_none() {
        fleet.judge.violation(&[node], None, &format!("{otherwise} within {max:?}"));
    }
}

/// Each node must be connected with all others, and hold nothing of any call.
async fn must_be_empty(fleet: &Fleet) {
    let max = fleet.judge.limits.patient(EMPTY_TIMEOUT);
    let deadline = Instant::now() + max;
    for node in 0..fleet.nodes {
        loop {
            let status = match &mut fleet.slot(node).await.process {
                Some(process) => process.status(max).await,
                // It has ended by itself, which was noticed.
                None => break,
            };
            let wrong = match status {
                None => Some("it does not answer".to_owned()),
                Some(status) => wrong(&status, node, fleet.nodes),
            };
            match wrong {
                None => break,
                Some(_) if Instant::now() < deadline => sleep(Duration::from_millis(50)).await,
                Some(wrong) => {
                    let what = format!("{max:?} after the last call: {wrong}");
                    fleet.judge.violation(&[node], None, &what);
                    break;
                }
            }
        }
    }
}

/// What is wrong with a node that should be connected and do nothing.
fn wrong(status: &Status, node: u8, nodes: u8) -> Option<String> {
    let missing = (0..nodes).find(|peer| *peer != node && !status.connected.contains(peer));
    let missing = missing.map(|peer| format!("it is not connected with node{peer}"));
    missing.or_else(|| status.leftover())
}

/// Threads that handlers have needed must end without calls.
async fn must_end_threads(fleet: &Fleet) {
    let max = fleet.judge.limits.patient(IDLE_TIMEOUT);
    let deadline = Instant::now() + max;
    for node in 0..fleet.nodes {
        let Some(pid) = fleet.slot(node).await.process.as_ref().map(|process| process.pid) else {
            continue;
        };
        let check = || check_idle_threads(usage::of(pid).map_or(0, |sample| sample.threads));
        while check().is_err() && Instant::now() < deadline {
            sleep(Duration::from_millis(100)).await;
        }
        if let Err(wrong) = check() {
            let what = format!("{max:?} after the last call: {wrong}");
            fleet.judge.violation(&[node], None, &what);
        }
    }
}

/// Connections that were lost and replaced must not be left behind.
fn must_have_one_connection_each(fleet: &Fleet) {
    for pair in Pair::all(fleet.nodes) {
        let open = fleet.proxy.connections(pair);
        if open != 1 {
            let what = format!("{pair} have {open} connections");
            fleet.judge.violation(&pair.nodes(), None, &what);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_connection_and_a_call_that_is_left_are_noticed() {
        let quiet = Status { connected: vec![0, 2], ..Status::default() };
        assert_eq!(wrong(&quiet, 1, 3), None);
        assert!(wrong(&quiet, 1, 4).unwrap().contains("node3"));
        let busy = Status { in_flight_in: 1, ..quiet };
        assert!(wrong(&busy, 1, 3).unwrap().contains("1 served"));
    }
}
