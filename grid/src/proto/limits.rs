//! What the configuration comes down to for the core: every bound on memory and time of one link.

use std::time::Duration;

/// Bounds of one [`Link`](super::Link).
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// Largest message that is sent; the transport refuses larger ones on reading.
    pub(crate) message_bytes_max: usize,
    /// Above this much waiting output new calls, answers and items wait in line; credits, pongs and the like do not.
    pub(crate) outbox_bytes: usize,
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

/// Answers that need no leave (credits, pongs, refusals) may come on top of `OUTBOX_BYTES` and of one largest message; a
/// peer that lets this much pile up is broken or hostile.
const BACKLOG_BYTES_MAX: usize = 64 * 1024 * 1024;
const _: () =
    assert!(BACKLOG_BYTES_MAX > 2 * (MESSAGE_BYTES_MAX + OUTBOX_BYTES), "a large answer is no sin");

/// What the WebSocket library takes for one frame by default; bulk data is not what this is for.
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
            backlog_bytes_max: BACKLOG_BYTES_MAX,
            served_max: SERVED_MAX,
            ping_every: Duration::from_secs(10),
            stream_ping_every: Duration::from_secs(15),
            stream_idle_max: Duration::from_secs(60),
        }
    }
}
