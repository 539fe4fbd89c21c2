//! What the configuration comes down to for the core: every bound on memory and time of one link.

use std::time::Duration;

/// Bounds of one [`Link`](super::Link).
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// Largest message that is sent; the transport refuses larger ones on reading.
    pub(crate) message_bytes_max: usize,
    /// Above this much waiting output in small messages new calls, answers and items wait in line; credits, pongs and the
    /// like do not.
    pub(crate) outbox_bytes: usize,
    /// Requests and answers in one merged message. A peer answers a message before it reads on, so fewer of them keep both
    /// ends busy at once, and more spare the framing.
    pub(crate) calls_merged_max: u32,
    /// A message with a payload above this is large: it travels in parts, where the peer knows `chunks`.
    pub(crate) large_bytes: usize,
    /// Bytes of a part.
    pub(crate) part_bytes: usize,
    /// Above this much waiting output in large messages further ones wait in a line of their own.
    pub(crate) transfer_bytes: usize,
    /// Above this much waiting output the peer counts as one that does not read, and the connection is closed.
    pub(crate) backlog_bytes_max: usize,
    /// Calls of the peer that may be in flight here at once; one more is answered with "overloaded".
    pub(crate) served_max: usize,
    /// How often the connection is pinged. A last pong older than two of these ends the connection.
    pub(crate) ping_every: Duration,
    /// How often a stream is pinged by its caller, who gives up after two of these without a sign of life.
    pub(crate) stream_ping_every: Duration,
    /// A callee drops a stream whose caller has been silent for this long.
    pub(crate) stream_idle_max: Duration,
}

/// Output that may wait for the socket: a quarter MiB keeps a fast link busy for a round trip of a millisecond, and is
/// what a peer that stopped reading costs.
const OUTBOX_BYTES: usize = 256 * 1024;

/// With 16 and 32 calls were not faster, with 51 slower. Where all tasks share one thread this is another number, in
/// `net/budget.rs`.
const CALLS_MERGED_MAX: u32 = 24;

/// What is larger than this travels in parts. A small call waits for one message of the other kind at most, and as long
/// as that is of this size, it is not worth the work of a transfer.
const LARGE_BYTES: usize = 64 * 1024;

/// A part is what a small call waits for, and costs a lock, a checksum and a WebSocket frame. With 16 KiB large calls were
/// a little slower, with 64 KiB small ones were, both hardly beyond the noise.
pub(crate) const PART_BYTES: usize = 32 * 1024;
const _: () = assert!(PART_BYTES <= LARGE_BYTES, "a part is no large message itself");

/// Large messages that take turns: as many as begin below this. The less it is, the more go one after another, which suits
/// those of the same size (echoes of a MiB were a tenth faster with a quarter of this); the more, the less those of 100 KiB
/// wait for those of 16 MiB.
const TRANSFER_BYTES: usize = 1024 * 1024;

/// Transfers that may be open at once each way, by the protocol: enough for large messages to get on beside a very large
/// one, and few enough to look through for each part.
pub(super) const TRANSFERS_MAX: usize = 16;

/// Answers that need no leave (credits, pongs, refusals) may come on top of `OUTBOX_BYTES`, of `TRANSFER_BYTES` and of one
/// largest message of each kind; a peer that lets this much pile up is broken or hostile.
const BACKLOG_BYTES_MAX: usize = 64 * 1024 * 1024;
const _: () = assert!(
    BACKLOG_BYTES_MAX > 2 * (MESSAGE_BYTES_MAX + OUTBOX_BYTES + TRANSFER_BYTES),
    "a large answer is no sin"
);

/// What the WebSocket library takes for one frame by default; a message is in memory as a whole at both ends.
const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Handlers in flight for one peer. Each costs a task and its request; a peer that has more waiting is not served by
/// queueing them here as well.
const SERVED_MAX: usize = 16 * 1024;

/// Bytes that a message needs beside payload and metadata, at most.
const OVERHEAD_BYTES: usize = 96;

impl Limits {
    /// Largest payload of a message, metadata included.
    pub(crate) fn payload_bytes_max(&self) -> usize {
        self.message_bytes_max.saturating_sub(OVERHEAD_BYTES)
    }
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
