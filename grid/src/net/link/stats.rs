//! Statistics of links, as snapshots.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::peer::Peer;
use super::state::State;

/// Statistics of the link to one peer, since the node started.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionStats {
    /// Name of the peer.
    pub peer: String,
    /// State of the link.
    pub state: State,
    /// Protocol messages sent. Each message inside a merged message counts.
    pub messages_out: u64,
    /// Protocol messages received.
    pub messages_in: u64,
    /// Bytes of messages sent, without the frames around them.
    pub bytes_out: u64,
    /// Bytes of messages received.
    pub bytes_in: u64,
    /// Calls and streams that this node made.
    pub calls_out: u64,
    /// Calls and streams of the peer for which a handler was started.
    pub calls_in: u64,
    /// Calls of this node that are in flight, including those whose result has not been taken yet.
    pub in_flight_out: usize,
    /// Calls of the peer that are in flight.
    pub in_flight_in: usize,
    /// Bytes that wait for the socket.
    pub queued_bytes: usize,
    /// Bytes that the peer makes this node hold: see [`Config::bytes_per_peer_max`](crate::Config::bytes_per_peer_max).
    pub held_bytes: usize,
    /// How often a stream has begun to wait for its reader at the peer.
    pub stalls: u64,
    /// Messages that were ignored: unknown ones, and answers to calls that have ended.
    pub ignored: u64,
    /// Number of connections that have been up.
    pub connects: u64,
    /// How many connections have ended, by the word for the reason: [`LinkError::label`](crate::LinkError::label).
    pub downs: BTreeMap<&'static str, u64>,
    /// When the current connection came up.
    pub connected_since: Option<Instant>,
    /// When the last pong was received.
    pub last_pong: Option<Instant>,
    /// Round-trip time of the last ping.
    pub rtt: Option<Duration>,
}

impl ConnectionStats {
    /// The caller adds `downs`.
    pub(in crate::net) fn of(peer: &Peer) -> Self {
        peer.with(|shared, _| {
            let link = &shared.link;
            let counters = link.counters();
            let (in_flight_out, in_flight_in) = link.in_flight();
            let pong = link.last_pong();
            Self {
                peer: peer.name.to_string(),
                state: shared.state().0.clone(),
                messages_out: counters.messages_out,
                messages_in: counters.messages_in,
                bytes_out: counters.bytes_out,
                bytes_in: counters.bytes_in,
                calls_out: counters.calls,
                calls_in: counters.served,
                in_flight_out,
                in_flight_in,
                queued_bytes: link.outbox_bytes(),
                held_bytes: link.memory_bytes(),
                stalls: counters.stalls,
                ignored: counters.ignored,
                connects: counters.connects,
                downs: BTreeMap::new(),
                connected_since: link.up_since().map(Instant::from_std),
                last_pong: pong.map(|(at, _)| Instant::from_std(at)),
                rtt: pong.and_then(|(_, rtt)| rtt),
            }
        })
    }
}

/// Statistics of a whole node.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let node = grid::Manager::builder("http://node1:9000").build()?;
/// for link in node.stats().connections {
///     println!("{}: {} in flight, {:?}, {:?}", link.peer, link.in_flight_out, link.rtt, link.downs);
/// }
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// One entry for each other node.
    pub connections: Vec<ConnectionStats>,
    /// Statistics of the calls that the node makes to itself.
    pub loopback: ConnectionStats,
    /// Guests that are connected.
    pub guests: usize,
    /// How many connections this node has refused in their handshake, by the word for the reason:
    /// [`LinkError::label`](crate::LinkError::label). Health checks are not counted.
    pub refused: BTreeMap<&'static str, u64>,
}

impl Stats {
    /// Bytes of messages sent to other nodes.
    pub fn bytes_out(&self) -> u64 {
        self.connections.iter().map(|connection| connection.bytes_out).sum()
    }

    /// Bytes of messages received from other nodes.
    pub fn bytes_in(&self) -> u64 {
        self.connections.iter().map(|connection| connection.bytes_in).sum()
    }

    /// Calls and streams to other nodes.
    pub fn calls_out(&self) -> u64 {
        self.connections.iter().map(|connection| connection.calls_out).sum()
    }
}
