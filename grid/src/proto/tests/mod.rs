//! Tests of the whole core: two links exchange messages in virtual time.
//!
//! | file | what |
//! |---|---|
//! | `pair.rs` | two links and the wire between them |
//! | `solo.rs` | one link, and a test that is its peer |
//! | `calls.rs`, `streams.rs`, `limits.rs`, `cuts.rs` | how calls and streams start, wait and end |
//! | `go_peer.rs`, `go_habits.rs` | a peer that behaves like the Go implementation |
//! | `mixed.rs` | peers that know fewer extensions |
//! | `schedule.rs`, `world/` | random schedules, and the users of a pair that check them |
//! | `corrupt.rs` | damaged messages |
//! | `drain.rs` | a node that announces that it takes no new calls |
//! | `floods.rs` | messages that are of no use, and their budget |
//! | `foreign.rs` | buffers of the user, which the link must not drop |
//! | `room.rs` | calls that wait until the peer has room for their requests |
//! | `windows.rs` | windows of streams in bytes |
//! | `memory.rs`, `unread.rs` | limits of memory, and peers that do not read |
//! | `chunks.rs`, `transfers.rs` | large messages in parts: fairness, and protocol errors |

mod calls;
mod chunks;
mod corrupt;
mod cuts;
mod drain;
mod floods;
mod foreign;
mod go_habits;
mod go_peer;
mod limits;
mod memory;
mod mixed;
mod pair;
mod posts;
mod room;
mod schedule;
mod solo;
mod streams;
mod transfers;
mod unread;
mod windows;
mod world;

use std::sync::{Arc, LazyLock};
use std::time::Instant;

use crate::error::{CallFailure, LinkError, Sent};

/// The time at which tests of the core start. Its value does not matter.
pub(super) fn start() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "an arbitrary origin, read once")]
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    *START
}

/// A reason for the end of a connection.
fn why(reason: &str) -> Arc<LinkError> {
    Arc::new(LinkError::Handshake { reason: reason.to_owned() })
}

fn lost(sent: Sent, reason: Arc<LinkError>) -> CallFailure {
    CallFailure::Disconnected { peer: "peer".into(), sent, reason }
}

fn unsupported(feature: &'static str) -> CallFailure {
    CallFailure::Unsupported { feature, peer: "peer".into() }
}
