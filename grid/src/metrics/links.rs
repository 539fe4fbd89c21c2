//! The state of a node's links, which is read at intervals.

use std::collections::{HashMap, HashSet};

use metrics::{Label, counter, gauge};

use super::names::{
    BYTES, CALLS, DOWNS, GUESTS, HELD, IN_FLIGHT, MESSAGES, QUEUE, REFUSED, RTT, STALLS, UP, UPS,
};
use crate::{ConnectionStats, State, Stats};

/// What was read last.
#[derive(Debug, Default)]
pub(super) struct Links {
    peers: HashSet<String>,
    /// Of each counter: its name, peer, and the value of its other label. Counters are increased by what is new, so that they
    /// go on when a member is removed and added, whose link counts from zero again.
    counts: HashMap<(&'static str, String, &'static str), u64>,
}

impl Links {
    pub(super) fn record(&mut self, stats: &Stats) {
        for connection in stats.connections.iter().chain([&stats.loopback]) {
            self.of_link(connection);
        }
        for (reason, count) in &stats.refused {
            self.count(REFUSED, None, Some(("reason", reason)), *count);
        }
        gauge!(GUESTS).set(stats.guests as f64);
        let peers: HashSet<_> = stats.connections.iter().map(|link| link.peer.clone()).collect();
        let gone: Vec<_> = self.peers.difference(&peers).cloned().collect();
        gone.iter().for_each(|peer| self.of_removed(peer));
        self.peers = peers;
    }

    fn of_link(&mut self, link: &ConnectionStats) {
        let peer = || link.peer.clone();
        let of_peer = Some(&*link.peer);
        let is_up = matches!(link.state, State::Connected { .. } | State::Draining { .. });
        gauge!(UP, "peer" => peer()).set(f64::from(u8::from(is_up)));
        self.count(UPS, of_peer, None, link.connects);
        for (reason, count) in &link.downs {
            self.count(DOWNS, of_peer, Some(("reason", reason)), *count);
        }
        if let Some(rtt) = link.rtt {
            gauge!(RTT, "peer" => peer()).set(rtt);
        }
        gauge!(QUEUE, "peer" => peer()).set(link.queued_bytes as f64);
        gauge!(HELD, "peer" => peer()).set(link.held_bytes as f64);
        self.count(STALLS, of_peer, None, link.stalls);
        for (direction, calls, in_flight, bytes, messages) in [
            ("in", link.calls_in, link.in_flight_in, link.bytes_in, link.messages_in),
            ("out", link.calls_out, link.in_flight_out, link.bytes_out, link.messages_out),
        ] {
            let label = Some(("direction", direction));
            self.count(CALLS, of_peer, label, calls);
            self.count(BYTES, of_peer, label, bytes);
            self.count(MESSAGES, of_peer, label, messages);
            gauge!(IN_FLIGHT, "peer" => peer(), "direction" => direction).set(in_flight as f64);
        }
    }

    /// Increases a counter by what is new since the last reading.
    fn count(
        &mut self,
        name: &'static str,
        peer: Option<&str>,
        label: Option<(&'static str, &'static str)>,
        now: u64,
    ) {
        let of_peer = peer.map(|peer| Label::new("peer", peer.to_owned()));
        let other = label.map(|(key, value)| Label::from_static_parts(key, value));
        let labels: Vec<_> = of_peer.into_iter().chain(other).collect();
        let value = label.map(|(_, value)| value).unwrap_or_default();
        let last = self.counts.entry((name, peer.unwrap_or_default().to_owned(), value));
        let last = last.or_default();
        // Less than before: it is another link of a peer that was added again.
        let new = now.checked_sub(*last).unwrap_or(now);
        *last = now;
        counter!(name, labels).increment(new);
    }

    /// The peer is no member any more. Its link is neither up nor down; what can be summed is zero.
    fn of_removed(&mut self, peer: &str) {
        self.counts.retain(|(_, of, _), _| of != peer);
        for gauge in [UP, RTT] {
            gauge!(gauge, "peer" => peer.to_owned()).set(f64::NAN);
        }
        for gauge in [QUEUE, HELD] {
            gauge!(gauge, "peer" => peer.to_owned()).set(0.0);
        }
        for direction in ["in", "out"] {
            gauge!(IN_FLIGHT, "peer" => peer.to_owned(), "direction" => direction).set(0.0);
        }
    }
}
