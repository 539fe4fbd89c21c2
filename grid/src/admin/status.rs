//! [`NodeStatus`] and [`LinkStatus`]: nodes and links, as they are sent.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::event::{cut, micros, millis, unix_ms};
use crate::{ConnectionStats, Manager, State};

/// A node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct NodeStatus {
    /// Its name.
    pub name: String,
    /// The version of this library that it was built with.
    pub version: String,
    /// Identifies its run; it changes when the node is restarted.
    pub instance: String,
    /// How long the node has run, in milliseconds.
    pub up_ms: u64,
    /// The time of its clock, in milliseconds since 1970.
    pub clock_unix_ms: u64,
    /// Its host list, itself included, in order.
    pub hosts: Vec<String>,
    /// The extensions of the protocol that it offers.
    pub extensions: Vec<String>,
    /// How many guests are connected.
    pub guests: u64,
    /// How many connections it has refused in their handshake, by the word for the reason,
    /// [`LinkError::label`](crate::LinkError::label).
    pub refused: BTreeMap<String, u64>,
}

/// The link of a node to another one, to a guest, or to itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct LinkStatus {
    /// Name of the peer.
    pub peer: String,
    /// `node`, `guest`, or `self`.
    pub kind: String,
    /// One word for the state: `unconnected`, `connecting`, `connected`, `draining`, `error`, `removed` or `shutdown`.
    pub state: String,
    /// The state as a sentence, with the reason if there is no connection.
    pub text: String,
    /// Identifies the run of the peer, while it is connected.
    pub instance: Option<String>,
    /// How long the connection has been up, in milliseconds.
    pub up_ms: Option<u64>,
    /// Round-trip time of the last ping, in microseconds.
    pub rtt_us: Option<u64>,
    /// How long ago the last pong was received, in milliseconds.
    pub pong_ms: Option<u64>,
    /// Protocol messages sent.
    pub messages_out: u64,
    /// Protocol messages received.
    pub messages_in: u64,
    /// Bytes of messages sent.
    pub bytes_out: u64,
    /// Bytes of messages received.
    pub bytes_in: u64,
    /// Calls and streams that the node made.
    pub calls_out: u64,
    /// Calls and streams of the peer for which a handler was started.
    pub calls_in: u64,
    /// Calls of the node that are in flight.
    pub in_flight_out: u64,
    /// Calls of the peer that are in flight.
    pub in_flight_in: u64,
    /// Bytes that wait for the socket.
    pub queued_bytes: u64,
    /// Bytes that the peer makes the node hold.
    pub held_bytes: u64,
    /// How often a stream has begun to wait for its reader at the peer.
    pub stalls: u64,
    /// Messages that were ignored: unknown ones, and answers to calls that have ended.
    pub ignored: u64,
    /// Number of connections that have been up.
    pub connects: u64,
    /// How many connections have ended, by the word for the reason, [`LinkError::label`](crate::LinkError::label).
    pub downs: BTreeMap<String, u64>,
}

impl NodeStatus {
    pub(super) fn of(node: &Manager) -> Self {
        let stats = node.stats();
        let mut hosts: Vec<_> = node.hosts().map(|host| host.to_string()).collect();
        hosts.sort();
        Self {
            name: node.name().to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            instance: node.instance().to_string(),
            up_ms: millis(node.started().elapsed()),
            clock_unix_ms: unix_ms(node.time_of_day()),
            hosts,
            extensions: node.extensions(),
            guests: stats.guests as u64,
            refused: owned(&stats.refused),
        }
    }
}

impl LinkStatus {
    pub(super) fn all(node: &Manager) -> Vec<Self> {
        let stats = node.stats();
        let own = Self::of("self", &stats.loopback);
        let nodes = stats.connections.iter().map(|link| Self::of("node", link));
        let guests = node.guests();
        let guests = guests.iter().map(|guest| Self::of("guest", &guest.stats()));
        [own].into_iter().chain(nodes).chain(guests).collect()
    }

    fn of(kind: &str, stats: &ConnectionStats) -> Self {
        let (state, instance) = word(&stats.state);
        Self {
            peer: stats.peer.clone(),
            kind: kind.to_owned(),
            state: state.to_owned(),
            text: cut(stats.state.to_string()),
            instance,
            up_ms: stats.connected_since.map(since),
            rtt_us: stats.rtt.map(micros),
            pong_ms: stats.last_pong.map(since),
            messages_out: stats.messages_out,
            messages_in: stats.messages_in,
            bytes_out: stats.bytes_out,
            bytes_in: stats.bytes_in,
            calls_out: stats.calls_out,
            calls_in: stats.calls_in,
            in_flight_out: stats.in_flight_out as u64,
            in_flight_in: stats.in_flight_in as u64,
            queued_bytes: stats.queued_bytes as u64,
            held_bytes: stats.held_bytes as u64,
            stalls: stats.stalls,
            ignored: stats.ignored,
            connects: stats.connects,
            downs: owned(&stats.downs),
        }
    }

    /// Whether the link is up and carries new calls.
    pub fn is_connected(&self) -> bool {
        self.state == "connected"
    }
}

/// One word for the state, and the run of the peer.
fn word(state: &State) -> (&'static str, Option<String>) {
    match state {
        State::Unconnected => ("unconnected", None),
        State::Connecting => ("connecting", None),
        State::Connected { instance } => ("connected", Some(instance.to_string())),
        State::Draining { instance } => ("draining", Some(instance.to_string())),
        State::Error(_) => ("error", None),
        State::Removed => ("removed", None),
        State::Shutdown => ("shutdown", None),
    }
}

fn owned(counts: &BTreeMap<&'static str, u64>) -> BTreeMap<String, u64> {
    counts.iter().map(|(&word, &count)| (word.to_owned(), count)).collect()
}

fn since(at: Instant) -> u64 {
    millis(at.elapsed())
}
