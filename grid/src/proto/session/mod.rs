//! The session of one connection: which node dials, what the handshake checks and negotiates, and when a silent peer is
//! disconnected.
//!
//! | file | what |
//! |---|---|
//! | `mod.rs` | [`Session`], the outcome of the handshake |
//! | `connected.rs` | the connection that is up |
//! | `dialer.rs` | which of two nodes dials |
//! | `handshake.rs` | whether a Connect message is accepted |
//! | `features.rs` | protocol extensions |
//! | `contracts.rs` | in which methods the services of two nodes differ |
//! | `flood.rs` | the budget for messages that are of no use |
//! | `keepalive.rs` | pings of the connection |

pub(super) mod connected;
pub(super) mod contracts;
pub(super) mod dialer;
pub(super) mod features;
pub(super) mod flood;
pub(super) mod handshake;
pub(super) mod keepalive;

use std::time::SystemTime;

use self::features::Features;

/// The result of the handshake.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Session {
    /// Whether messages carry checksums.
    pub(crate) checksum: bool,
    /// Extensions that both sides know.
    pub(crate) features: Features,
    /// The wall-clock time at the start of the connection, for pings.
    pub(crate) wall: SystemTime,
    /// The largest message that the peer accepts, if it has the extension `limits`.
    pub(crate) peer_message_bytes_max: Option<usize>,
    /// What the requests in flight of this node may make the peer hold, if it has stated that.
    pub(crate) peer_requests_bytes_max: Option<usize>,
    /// The link of a node to itself, whose messages are never a flood.
    pub(crate) loopback: bool,
}
