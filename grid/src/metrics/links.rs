//! The state of a node's links, which is read at intervals.

use std::collections::HashSet;

use metrics::{counter, gauge};

use super::names::{
    BYTES, CALLS, DOWNS, GUESTS, HELD, IN_FLIGHT, MESSAGES, QUEUE, REFUSED, RTT, STALLS, UP, UPS,
};
use crate::{ConnectionStats, State, Stats};

/// The peers of the last reading.
#[derive(Debug, Default)]
pub(super) struct Links {
    peers: HashSet<String>,
}

impl Links {
    pub(super) fn record(&mut self, stats: &Stats) {
        for connection in stats.connections.iter().chain([&stats.loopback]) {
            of_link(connection);
        }
        for (reason, count) in &stats.refused {
            counter!(REFUSED, "reason" => *reason).absolute(*count);
        }
        gauge!(GUESTS).set(stats.guests as f64);
        let peers: HashSet<_> = stats.connections.iter().map(|link| link.peer.clone()).collect();
        self.peers.difference(&peers).for_each(|gone| of_removed(gone));
        self.peers = peers;
    }
}

fn of_link(link: &ConnectionStats) {
    let peer = || link.peer.clone();
    let is_up = matches!(link.state, State::Connected { .. } | State::Draining { .. });
    gauge!(UP, "peer" => peer()).set(f64::from(u8::from(is_up)));
    counter!(UPS, "peer" => peer()).absolute(link.connects);
    for (reason, count) in &link.downs {
        counter!(DOWNS, "peer" => peer(), "reason" => *reason).absolute(*count);
    }
    if let Some(rtt) = link.rtt {
        gauge!(RTT, "peer" => peer()).set(rtt);
    }
    gauge!(QUEUE, "peer" => peer()).set(link.queued_bytes as f64);
    gauge!(HELD, "peer" => peer()).set(link.held_bytes as f64);
    counter!(STALLS, "peer" => peer()).absolute(link.stalls);
    in_both_directions(link, |direction, [calls, in_flight, bytes, messages]| {
        counter!(CALLS, "peer" => peer(), "direction" => direction).absolute(calls);
        gauge!(IN_FLIGHT, "peer" => peer(), "direction" => direction).set(in_flight as f64);
        counter!(BYTES, "peer" => peer(), "direction" => direction).absolute(bytes);
        counter!(MESSAGES, "peer" => peer(), "direction" => direction).absolute(messages);
    });
}

fn in_both_directions(link: &ConnectionStats, record: impl Fn(&'static str, [u64; 4])) {
    record("in", [link.calls_in, link.in_flight_in as u64, link.bytes_in, link.messages_in]);
    record("out", [link.calls_out, link.in_flight_out as u64, link.bytes_out, link.messages_out]);
}

/// What is now is not true any more. Counters stay as they are.
fn of_removed(peer: &str) {
    for gauge in [UP, RTT, QUEUE, HELD] {
        gauge!(gauge, "peer" => peer.to_owned()).set(0.0);
    }
    for direction in ["in", "out"] {
        gauge!(IN_FLIGHT, "peer" => peer.to_owned(), "direction" => direction).set(0.0);
    }
}
