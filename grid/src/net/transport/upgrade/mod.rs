//! The HTTP upgrade of a byte stream to a WebSocket, for both sides.

pub(in crate::net) mod client;
pub(in crate::net) mod server;

/// Maximum length of the headers, which limits the memory of unknown peers.
const HEAD_BYTES_MAX: usize = 64 * 1024;
