//! What is promised where no fault is: cancelled calls end at once, guests find seats, and a shutdown loses no call.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::call_spec::{CallGenerator, CallSpec, LARGE_BYTES, Shape};
use crate::checks::not_empty;
use crate::world::{GUESTS_MAX, World};

/// How long the handlers of the calls that are cancelled would take.
const HANDLER_TIME: Duration = Duration::from_secs(30);

/// When those calls are cancelled, and when nothing of them may be left after that.
const CANCEL_TIME: Duration = Duration::from_secs(1);

/// Between two nodes during the shutdown, so that calls are on their way when it begins.
const DELAY: Duration = Duration::from_millis(50);

/// Calls in each direction between the node that is shut down and each other one, and the time between two of them.
const CALLS: u32 = 30;
const GAP: Duration = Duration::from_millis(10);

/// Time from the first of them to the shutdown.
const SHUTDOWN_AT: Duration = Duration::from_millis(150);

/// Grace of the shutdown: longer than any of them.
const GRACE: Duration = Duration::from_secs(30);

/// Makes these checks. All nodes must be connected, and their tables empty. One node does not run after it.
pub(crate) async fn check_without_faults(world: &Arc<World>) {
    cancelled_calls_end(world).await;
    guests_find_seats(world).await;
    shutdown_loses_no_call(world).await;
}

/// Each node calls each other one and drops the call: its handler is not left to run to its end.
async fn cancelled_calls_end(world: &World) {
    let mut calls = JoinSet::new();
    for (from, to) in world.pairs() {
        // The base protocol has no cancellation of single requests.
        if world.plan.base.contains(&from) || world.plan.base.contains(&to) {
            continue;
        }
        let (caller, connection) = (world.callers[from].clone(), world.grid.connection(from, to));
        let name = world.grid.name(from).to_owned();
        let mut spec = caller.lock().plain(connection.peer(), Shape::Run);
        (spec.pause, spec.dropped_after) = (HANDLER_TIME, Some(CANCEL_TIME));
        calls.spawn(async move { caller.call(&name, &connection, spec).await });
    }
    calls.join_all().await;
    sleep(CANCEL_TIME).await;
    for text in world.nodes().iter().filter_map(not_empty) {
        world.ledger.violation(format_args!("after calls were cancelled: {text}"));
    }
}

/// More guests than a node has seats for connect and leave, one after the other.
async fn guests_find_seats(world: &Arc<World>) {
    for node in (0..world.plan.nodes).filter(|node| !world.plan.base.contains(node)) {
        for number in 0..=GUESTS_MAX {
            match world.connect_guest(node).await {
                Ok(guest) => guest.shutdown(CANCEL_TIME).await,
                Err(error) => {
                    let name = world.grid.name(node);
                    world.ledger.violation(format_args!("guest {number} of {name}: {error}"));
                }
            }
            // The node notices a moment later.
            sleep(CANCEL_TIME).await;
        }
    }
}

/// One node is shut down while it calls all others, and they call it. No call may end so that it is not known whether it
/// has run.
async fn shutdown_loses_no_call(world: &Arc<World>) {
    // The base protocol does not announce a shutdown.
    if !world.plan.base.is_empty() {
        return;
    }
    let node = (world.plan.seed % world.plan.nodes as u64) as usize;
    for other in (0..world.plan.nodes).filter(|other| *other != node) {
        world.grid.delay(node, other, DELAY);
    }
    let mut calls = JoinSet::new();
    for (from, to) in world.pairs().filter(|(from, to)| *from == node || *to == node) {
        calls.spawn(keep_calling(Arc::clone(world), from, to));
    }
    sleep(SHUTDOWN_AT).await;
    world.trace.add(format_args!("{} is shut down while it is called", world.grid.name(node)));
    world.ledger.note_fault(|faults| faults.node_begins(world.grid.name(node)));
    world.grid.shutdown(node, GRACE).await;
    calls.join_all().await;
}

async fn keep_calling(world: Arc<World>, from: usize, to: usize) {
    let (caller, connection) = (world.callers[from].clone(), world.grid.connection(from, to));
    let name: Arc<str> = world.grid.name(from).into();
    let mut calls = JoinSet::new();
    for _ in 0..CALLS {
        let spec = safe_spec(&mut caller.lock(), connection.peer());
        let (caller, name, connection) = (caller.clone(), Arc::clone(&name), connection.clone());
        calls.spawn(async move { caller.call(&name, &connection, spec).await });
        sleep(GAP).await;
    }
    calls.join_all().await;
}

/// A call that must not be lost.
fn safe_spec(generator: &mut CallGenerator, to: &str) -> CallSpec {
    let mut spec = generator.plain(to, Shape::Run);
    // Often no call is served, although some are on their way.
    spec.pause = generator.random.millis(0..8);
    spec.request_bytes = if generator.random.chance(0.1) { LARGE_BYTES } else { 10 };
    spec.is_safe = true;
    spec
}
