//! The session of one connection: who dials, what the handshake checks and agrees on, and when a silent peer is given
//! up.
//!
//! | file | what |
//! |---|---|
//! | `mod.rs` | [`Session`], the outcome of the handshake |
//! | `connected.rs` | the connection that is up |
//! | `dialer.rs` | which of two nodes dials |
//! | `handshake.rs` | whether a Connect message is accepted |
//! | `features.rs` | protocol extensions |
//! | `keepalive.rs` | pings of the connection |

pub(super) mod connected;
pub(super) mod dialer;
pub(super) mod features;
pub(super) mod handshake;
pub(super) mod keepalive;

use std::time::SystemTime;

use self::features::Features;

/// What the handshake agreed on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Session {
    /// Whether messages carry checksums.
    pub(crate) checksum: bool,
    /// Extensions that both sides know.
    pub(crate) features: Features,
    /// The time of day at the start, for pings.
    pub(crate) wall: SystemTime,
}
