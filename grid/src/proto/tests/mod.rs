//! The core as a whole: two links that talk to each other in a time that the tests own.
//!
//! | file | what |
//! |---|---|
//! | `pair.rs` | two links and the wire between them |
//! | `solo.rs` | one link, and a test that speaks to it in messages |
//! | `calls.rs`, `streams.rs`, `limits.rs`, `cuts.rs` | how calls and streams start, wait and end |
//! | `go_peer.rs`, `go_habits.rs` | a peer that behaves like the Go implementation |
//! | `mixed.rs` | peers that know fewer extensions |
//! | `schedule.rs`, `world/` | random schedules, and the users of a pair that judge them |
//! | `corrupt.rs` | damaged messages |
//! | `foreign.rs` | buffers of the user, which the link must not drop |
//! | `chunks.rs`, `bulk.rs` | large messages in parts: what it is for, and what goes wrong |

mod bulk;
mod calls;
mod chunks;
mod corrupt;
mod cuts;
mod foreign;
mod go_habits;
mod go_peer;
mod limits;
mod mixed;
mod pair;
mod schedule;
mod solo;
mod streams;
mod world;

use std::sync::LazyLock;
use std::time::Instant;

/// The beginning of time for tests of the core; what it is does not matter.
pub(super) fn start() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "an arbitrary origin, read once")]
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    *START
}
