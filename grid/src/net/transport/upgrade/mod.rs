//! From a byte stream to a WebSocket: the HTTP upgrade of both sides.

pub(in crate::net) mod client;
pub(in crate::net) mod server;

/// Headers longer than this are refused, before anything is kept for the peer.
const HEAD_BYTES_MAX: usize = 64 * 1024;
