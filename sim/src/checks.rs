//! What must hold while a run goes on, and after its faults have ended.

use std::sync::Arc;
use std::time::Duration;

use grid::{ConnectionStats, Manager, State};
use tokio::time::{Instant, sleep, timeout_at};

use crate::call_spec::Shape;
use crate::calls::ENDLESS_MAX;
use crate::world::World;

/// Between two looks at the memory of all nodes.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Two nodes that reach each other have a link within this time.
const LINK_TIME: Duration = Duration::from_secs(10);

/// One connection is closed this much after another one has taken its place, at the latest.
const CLOSE_TIME: Duration = Duration::from_secs(5);

/// A handler that a caller of the base protocol has given up runs to its end, and memory that a link keeps for its next calls is
/// freed at the next ping.
const REST_TIME: Duration = Duration::from_secs(60);

/// What a link that carries pings counts at most: one step.
const REST_BYTES: usize = 256 << 10;

/// Looks at the memory of all nodes until the future is dropped.
pub(crate) async fn watch_memory(world: &World) {
    loop {
        sleep(LOOK_INTERVAL).await;
        world.running().iter().for_each(|node| check_memory(world, node));
    }
}

fn check_memory(world: &World, node: &Manager) {
    let stats = node.stats();
    let config = &world.plan.config;
    // docs/limits.md: a message is reserved beside the limit of the node.
    let of_peer = config.bytes_per_peer_max + config.message_bytes_max;
    let of_node = config.bytes_per_node_max + stats.connections.len() * config.message_bytes_max;
    let mut held = 0;
    for link in stats.connections.iter().chain([&stats.loopback]) {
        held += link.held_bytes;
        if link.held_bytes > of_peer {
            let (local, peer, held) = (node.name(), &link.peer, link.held_bytes);
            world.ledger.violation(format_args!("{local} holds {held} bytes for {peer}"));
        }
    }
    if held > of_node {
        world.ledger.violation(format_args!("{} holds {held} bytes for its peers", node.name()));
    }
}

/// After the last fault: all nodes have one link to each other, all calls end, and everything is possible again.
pub(crate) async fn settle(world: &Arc<World>) {
    nodes_are_connected(world).await;
    // It panics with what is missing, which `run` notes.
    world.grid.all_connected().await;
    world.trace.add(format_args!("all nodes are connected"));
    world.stop_calls();
    one_connection_each(world).await;
    all_calls_end(world).await;
    tables_are_empty(world).await;
    everything_is_possible(world).await;
    tables_are_empty(world).await;
}

/// Two nodes that reach each other have a link within some seconds, but for those whose names others had.
async fn nodes_are_connected(world: &World) {
    let end = Instant::now() + LINK_TIME;
    let has_impostor = |node| world.plan.has_impostor(node);
    for (from, to) in world.pairs().filter(|(from, to)| !has_impostor(*from) && !has_impostor(*to))
    {
        let states = world.grid.connection(from, to).states();
        if timeout_at(end, states.wait_for(State::is_connected)).await.is_err() {
            let (from, to) = (world.grid.name(from), world.grid.name(to));
            world.ledger.violation(format_args!("{from} is not connected to {to} in time"));
        }
    }
}

async fn one_connection_each(world: &World) {
    let end = Instant::now() + CLOSE_TIME;
    for (a, b) in world.pairs().filter(|(a, b)| b < a) {
        let (a, b) = (world.grid.name(a), world.grid.name(b));
        let count = || world.grid.network().connections(a, b);
        while count() != 1 && Instant::now() < end {
            sleep(Duration::from_millis(50)).await;
        }
        if count() != 1 {
            world.ledger.violation(format_args!("{} connections between {a} and {b}", count()));
        }
    }
}

async fn all_calls_end(world: &World) {
    let end = Instant::now() + ENDLESS_MAX;
    while let Some(open) = world.ledger.open() {
        if Instant::now() > end {
            return world.ledger.violation(format_args!("have not ended: {open}"));
        }
        sleep(Duration::from_secs(1)).await;
    }
}

/// Each node makes a call of each shape to each other one, and to itself.
async fn everything_is_possible(world: &World) {
    for from in 0..world.plan.nodes {
        for to in 0..world.plan.nodes {
            let (caller, connection) = (&world.callers[from], world.grid.connection(from, to));
            for shape in Shape::ALL {
                let spec = caller.lock().plain(connection.peer(), shape);
                let (from, to) = (world.grid.name(from), world.grid.name(to));
                if !caller.call(from, &connection, spec).await {
                    world
                        .ledger
                        .violation(format_args!("{shape:?} of {from} to {to}: not possible"));
                }
            }
        }
    }
}

/// No call is in flight, nothing waits, and no memory is held but what pings need.
async fn tables_are_empty(world: &World) {
    let end = Instant::now() + REST_TIME;
    for node in world.nodes() {
        while not_empty(&node).is_some() && Instant::now() < end {
            sleep(Duration::from_secs(1)).await;
        }
        if let Some(text) = not_empty(&node) {
            world.ledger.violation(format_args!("{text}"));
        }
    }
}

/// What a node still has.
pub(crate) fn not_empty(node: &Manager) -> Option<String> {
    let stats = node.stats();
    let guests = node.guests().len();
    if guests > 0 {
        return Some(format!("{} has {guests} guests", node.name()));
    }
    let is_empty = |link: &&ConnectionStats| {
        (link.in_flight_in, link.in_flight_out, link.queued_bytes) == (0, 0, 0)
            && link.held_bytes <= REST_BYTES
    };
    let mut links = stats.connections.iter().chain([&stats.loopback]);
    let ConnectionStats { peer, in_flight_in, in_flight_out, queued_bytes, held_bytes, .. } =
        links.find(|link| !is_empty(link))?;
    Some(format!(
        "{} and {peer}: {in_flight_in} and {in_flight_out} calls in flight, {queued_bytes} bytes queued, {held_bytes} held",
        node.name()
    ))
}
