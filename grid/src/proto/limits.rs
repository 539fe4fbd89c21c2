//! Every bound on memory and time of one link. The configuration sets some of them.

use std::sync::Arc;
use std::time::Duration;

use super::memory::{IN_PARTS_BYTES, Ledger, NodeBytes};

/// Bounds of one [`Link`](super::Link).
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// Largest message that is sent. The transport refuses to read larger ones.
    pub(crate) message_bytes_max: usize,
    /// Above this many bytes of waiting small messages, new calls, answers and items wait in a queue. Credits, pongs
    /// and other control messages do not.
    pub(crate) outbox_bytes: usize,
    /// Requests and answers in one merged message. A peer answers a message before it reads the next, so fewer calls
    /// per message keep both ends busy at the same time, while more calls save framing.
    pub(crate) calls_merged_max: u32,
    /// A message with a larger payload is large: it travels in parts, where the peer knows `chunks`.
    pub(crate) large_bytes: usize,
    /// Bytes of a part.
    pub(crate) part_bytes: usize,
    /// Above this many bytes of waiting large messages, further ones wait in a queue of their own.
    pub(crate) transfer_bytes: usize,
    /// Above this many bytes of waiting control messages, the peer is considered not to read, and the connection is
    /// closed.
    pub(crate) backlog_bytes_max: usize,
    /// Memory that the peer may make this node hold: see [`memory`](super::memory).
    pub(crate) bytes_per_peer_max: usize,
    /// The same for all peers of the node, whose links share it.
    pub(crate) node_bytes: Arc<NodeBytes>,
    /// Largest window of a stream, in bytes.
    pub(crate) stream_window_max: usize,
    /// Calls of the peer that may be in flight here at once. Further ones are answered with "overloaded".
    pub(crate) served_max: usize,
    /// Memory of this node's posts to the peer that are not over.
    pub(crate) posts_bytes_max: usize,
    /// How often the connection is pinged. Without a pong for two of these intervals the connection is closed.
    pub(crate) ping_every: Duration,
    /// How often a stream is pinged by its caller, which ends it after two of these intervals without any message.
    pub(crate) stream_ping_every: Duration,
    /// A callee ends a stream whose caller has sent nothing for this long.
    pub(crate) stream_idle_max: Duration,
}

/// 256 KiB keep a fast connection busy for a round trip of a millisecond, and bound the memory that a peer costs that
/// has stopped reading.
const OUTBOX_BYTES: usize = 256 * 1024;

/// With 16 and with 32, calls were not faster, with 51 they were slower. Where all tasks share one thread, `net/` sets
/// another number.
const CALLS_MERGED_MAX: u32 = 24;

/// A small call waits for one message or part of another call at most. Up to this size, that wait is too short to be
/// worth the work of a transfer.
const LARGE_BYTES: usize = 64 * 1024;

/// A small call waits for one part at most, and each part costs a lock, a checksum and a WebSocket frame. With 16 KiB,
/// large calls were slightly slower, with 64 KiB small ones were, both barely beyond the noise.
pub(crate) const PART_BYTES: usize = 32 * 1024;
const _: () = assert!(PART_BYTES <= LARGE_BYTES, "a part must not be a large message itself");

/// Large messages are admitted while fewer bytes than this are waiting, and those take turns. With a smaller value they
/// are sent one after another, which is faster for messages of the same size (echoes of a MiB were a tenth faster with
/// a quarter of this). With a larger value messages of 100 KiB wait less for messages of 16 MiB.
const TRANSFER_BYTES: usize = 1024 * 1024;

/// Transfers that may be open at once in each direction, set by the protocol: enough for large messages to progress
/// beside a very large one, and few enough for a linear search per part.
pub(super) const TRANSFERS_MAX: usize = 16;

/// Control messages (credits, pongs, refusals) do not wait for room in the outbox. A peer for which this many bytes of
/// them wait, the answers to a hundred thousand messages, is broken or hostile.
const BACKLOG_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What one peer may make this node hold: three of the largest messages beside the one that is being received, or 16384
/// calls of 1 KiB, with what each call costs itself.
const BYTES_PER_PEER_MAX: usize = 64 * 1024 * 1024;
const _: () = assert!(
    BYTES_PER_PEER_MAX >= BYTES_PER_PEER_MESSAGES_MIN * MESSAGE_BYTES_MAX,
    "the largest messages must fit"
);

/// At least this many of the largest messages must fit into what a peer may make this node hold: one that is being
/// received, one that a handler has, and its answer.
pub(crate) const BYTES_PER_PEER_MESSAGES_MIN: usize = 3;

/// What all peers together may make a node hold: eight of them that use all that they may. Peers of a grid are trusted
/// more than strangers, but a fault of all of them at once must not take the whole memory of a machine.
pub(crate) const BYTES_PER_NODE_MAX: usize = 512 * 1024 * 1024;

/// The largest window of a stream: as much as is on its way on a line of 1 Gbit/s and 100 ms.
const STREAM_WINDOW_MAX: usize = 16 * 1024 * 1024;

/// The WebSocket library's default limit of a frame. A message is in memory as a whole at both ends.
const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Handlers in flight for one peer. Each costs a task and its request, and queueing more of them here would not serve
/// the peer faster.
const SERVED_MAX: usize = 16 * 1024;

/// What posts to one peer may use while they are not over: as many small ones as the peer serves calls at once. More would
/// be refused there, or wait here, where they help nobody.
const POSTS_BYTES_MAX: usize = SERVED_MAX * CALL_BYTES;

/// Memory that is counted for each call in flight of the peer beside its request: its entries in the tables, and a task
/// for its handler. What the handler itself needs is not counted.
pub(super) const CALL_BYTES: usize = 1024;
const _: () = assert!(
    SERVED_MAX * (CALL_BYTES + 1024 + 64) < BYTES_PER_PEER_MAX - MESSAGE_BYTES_MAX,
    "as many calls as may be in flight must fit, with requests of 1 KiB"
);

/// Bytes that a message needs beside payload and metadata, at most.
const OVERHEAD_BYTES: usize = 96;

impl Limits {
    /// Largest payload that this node sends, metadata included.
    pub(crate) fn payload_bytes_max(&self) -> usize {
        payload_bytes_of(self.message_bytes_max)
    }

    /// What the windows of all streams of a link may have together: half of what the peer may make this node hold, so that
    /// streams that use their windows leave room for calls.
    pub(super) fn windows_bytes_max(&self) -> usize {
        windows_of(self.bytes_per_peer_max)
    }

    /// The ledger of one link.
    pub(super) fn new_ledger(&self) -> Arc<Ledger> {
        Ledger::new(self.bytes_per_peer_max, self.message_bytes_max, Arc::clone(&self.node_bytes))
    }
}

/// What the windows of all streams have of the memory that a peer may make this node hold.
fn windows_of(bytes_per_peer_max: usize) -> usize {
    bytes_per_peer_max / 2
}

/// What the requests in flight of a peer that sends large messages in parts may make this node hold: what neither windows
/// nor the message that is being received need, and at least a quarter.
pub(crate) fn requests_bytes_of(bytes_per_peer_max: usize, message_bytes_max: usize) -> usize {
    let received = IN_PARTS_BYTES.min(message_bytes_max);
    let rest = bytes_per_peer_max.saturating_sub(windows_of(bytes_per_peer_max) + received);
    rest.max(bytes_per_peer_max / 4)
}

/// Largest payload, metadata included, of a message of at most this many bytes.
pub(super) fn payload_bytes_of(message_bytes_max: usize) -> usize {
    message_bytes_max.saturating_sub(OVERHEAD_BYTES)
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes_max: MESSAGE_BYTES_MAX,
            outbox_bytes: OUTBOX_BYTES,
            calls_merged_max: CALLS_MERGED_MAX,
            large_bytes: LARGE_BYTES,
            part_bytes: PART_BYTES,
            transfer_bytes: TRANSFER_BYTES,
            backlog_bytes_max: BACKLOG_BYTES_MAX,
            bytes_per_peer_max: BYTES_PER_PEER_MAX,
            node_bytes: NodeBytes::new(BYTES_PER_NODE_MAX),
            stream_window_max: STREAM_WINDOW_MAX,
            served_max: SERVED_MAX,
            posts_bytes_max: POSTS_BYTES_MAX,
            ping_every: Duration::from_secs(10),
            stream_ping_every: Duration::from_secs(15),
            stream_idle_max: Duration::from_secs(60),
        }
    }
}
