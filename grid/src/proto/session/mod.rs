//! The session of one connection: who dials, what the handshake checks and agrees on, and when the peer counts as gone.
//!
//! | file | what |
//! |---|---|
//! | `dialer.rs` | which of two nodes dials |
//! | `handshake.rs` | whether a Connect message is accepted |
//! | `features.rs` | protocol extensions |
//! | `keepalive.rs` | pings of the connection |

pub(super) mod dialer;
pub(super) mod features;
pub(super) mod handshake;
pub(super) mod keepalive;
