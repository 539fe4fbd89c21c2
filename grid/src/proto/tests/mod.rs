//! Tests of the whole core: two links exchange messages in virtual time, see `simulation/`.
//!
//! | file | what |
//! |---|---|
//! | `solo.rs` | one link, and a test that is its peer |
//! | `calls.rs`, `streams.rs`, `limits.rs`, `cuts.rs` | how calls and streams start, wait and end |
//! | `go_peer.rs`, `go_habits.rs` | a peer that behaves like the Go implementation |
//! | `mixed.rs` | peers that know fewer extensions |
//! | `schedule.rs` | random schedules |
//! | `corrupt.rs` | damaged messages |
//! | `crossing.rs` | pings that cross the end of their stream, or are sent beside much data |
//! | `drain.rs` | a node that announces that it takes no new calls |
//! | `floods.rs` | messages that are of no use, and their budget |
//! | `foreign.rs` | buffers of the user, which the link must not drop |
//! | `room.rs` | calls that wait until the peer has room for their requests |
//! | `windows.rs` | windows of streams in bytes |
//! | `looks.rs` | what operators see of streams |
//! | `memory.rs`, `unread.rs` | limits of memory, and peers that do not read |
//! | `chunks.rs`, `transfers.rs` | large messages in parts: fairness, and protocol errors |

mod calls;
mod chunks;
mod corrupt;
mod crossing;
mod cuts;
mod drain;
mod floods;
mod foreign;
mod go_habits;
mod go_peer;
mod limits;
mod looks;
mod memory;
mod mixed;
mod posts;
mod room;
mod schedule;
mod solo;
mod streams;
mod transfers;
mod unread;
mod windows;

use std::sync::Arc;

use super::simulation::{pair, start, steps, why};
use crate::error::{CallFailure, LinkError, Sent};

fn lost(sent: Sent, reason: Arc<LinkError>) -> CallFailure {
    CallFailure::Disconnected { peer: "peer".into(), sent, reason }
}

fn unsupported(feature: &'static str) -> CallFailure {
    CallFailure::Unsupported { feature, peer: "peer".into() }
}
