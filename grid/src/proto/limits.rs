//! Every bound on memory and time of one link. The configuration sets some of them.

use std::time::Duration;

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
    /// Above this many bytes of waiting messages of any kind, the peer is considered not to read, and the connection is
    /// closed.
    pub(crate) backlog_bytes_max: usize,
    /// Calls of the peer that may be in flight here at once. Further ones are answered with "overloaded".
    pub(crate) served_max: usize,
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

/// Control messages (credits, pongs, refusals) are not limited by `OUTBOX_BYTES` and `TRANSFER_BYTES`, and one largest
/// message of each kind may exceed those. A peer for which this many bytes wait is broken or hostile.
const BACKLOG_BYTES_MAX: usize = 64 * 1024 * 1024;
const _: () = assert!(
    BACKLOG_BYTES_MAX > 2 * (MESSAGE_BYTES_MAX + OUTBOX_BYTES + TRANSFER_BYTES),
    "a single large answer must not count as a backlog"
);

/// The WebSocket library's default limit of a frame. A message is in memory as a whole at both ends.
const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Handlers in flight for one peer. Each costs a task and its request, and queueing more of them here would not serve
/// the peer faster.
const SERVED_MAX: usize = 16 * 1024;

/// Bytes that a message needs beside payload and metadata, at most.
const OVERHEAD_BYTES: usize = 96;

impl Limits {
    /// Largest payload that this node sends, metadata included.
    pub(crate) fn payload_bytes_max(&self) -> usize {
        payload_bytes_of(self.message_bytes_max)
    }
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
            served_max: SERVED_MAX,
            ping_every: Duration::from_secs(10),
            stream_ping_every: Duration::from_secs(15),
            stream_idle_max: Duration::from_secs(60),
        }
    }
}
