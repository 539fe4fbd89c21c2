//! What the supervisor and a node tell each other: one JSON object a line, over the node's standard input and output.
//!
//! A node writes each report with a single `write`, before it goes on. So what it has reported is in the pipe when it is killed,
//! and the supervisor still reads it.

use serde::{Deserialize, Serialize};

use crate::clock::Moment;
use crate::id::{CallId, Life};
use crate::shape::Shape;

/// The first line that a node reads.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Setup {
    pub(crate) life: Life,
    /// The names of all nodes.
    pub(crate) names: Vec<String>,
    /// For each node, the port of the proxy that leads there from this one.
    pub(crate) ports: Vec<u16>,
    /// The key of all checksums of the run.
    pub(crate) key: u64,
    pub(crate) slack_ms: u64,
    pub(crate) pause_ms: u64,
}

/// The further lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Order {
    /// Make no further calls, and report [`Report::Paused`] when all have ended.
    Pause,
    /// Report [`Report::Status`].
    Status,
    /// Make one call of each shape to each other node, all of which must be answered; then report [`Report::RoundOver`].
    Round,
    /// Shut down and exit.
    Shutdown,
}

/// A line that a node writes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Report {
    /// The node accepts connections on this port.
    Listening(u16),
    /// A handler begins to run for this call.
    Ran(CallId),
    /// A call of this node has ended.
    Ended(Ended),
    /// A check of the node has failed.
    Wrong(Wrong),
    /// Once a second.
    Alive,
    Paused,
    Status(Status),
    RoundOver,
}

/// How a call has ended for its caller.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Ended {
    pub(crate) call: CallId,
    pub(crate) to: u8,
    pub(crate) shape: Shape,
    pub(crate) end: End,
    /// `ok`, or the label of the error.
    pub(crate) label: String,
    /// The text of the error.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) text: String,
    /// Items of streams that were received and checked.
    pub(crate) items: u32,
    pub(crate) began: Moment,
    pub(crate) ended: Moment,
    /// How long after its limit the call has ended, in milliseconds, without the time in which the process did not run.
    pub(crate) late_ms: u64,
}

/// What is known of the handler when a call has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum End {
    /// It has answered: it has run exactly once.
    Answered,
    /// The call says that it cannot have run.
    NotRun,
    /// The call says that it may have run.
    Unknown,
    /// The caller has dropped the call, or has posted it.
    Dropped,
    /// The call did not end. It was given up long after its limit.
    Hung,
}

/// A check that a node has made and that has failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Wrong {
    pub(crate) call: CallId,
    /// The other node.
    pub(crate) peer: u8,
    pub(crate) what: String,
}

/// What a node holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Status {
    /// The nodes that it is connected with.
    pub(crate) connected: Vec<u8>,
    pub(crate) in_flight_out: usize,
    pub(crate) in_flight_in: usize,
    pub(crate) queued_bytes: usize,
    pub(crate) held_bytes: usize,
}

/// What a link without calls may count as held: a MiB is reserved for the message that is being received, and the link gives
/// back what it has counted only in steps of a quarter of a MiB, when a MiB of it is free.
const HELD_BYTES_MAX: usize = (1 << 20) + (5 << 18);

impl Status {
    /// What is left although nothing is going on; `None` if nothing is.
    pub(crate) fn leftover(&self) -> Option<String> {
        let Self { connected, in_flight_out, in_flight_in, queued_bytes, held_bytes } = self;
        let holds_much = *held_bytes > connected.len() * HELD_BYTES_MAX;
        let is_empty = [in_flight_out, in_flight_in, queued_bytes] == [&0; 3];
        (!is_empty || holds_much).then(|| {
            format!(
                "{in_flight_out} own calls, {in_flight_in} served ones, {queued_bytes} queued bytes, {held_bytes} held bytes"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_noticed() {
        let held_bytes = 2 * HELD_BYTES_MAX;
        let quiet = Status { connected: vec![0, 2], held_bytes, ..Status::default() };
        assert_eq!(quiet.leftover(), None);
        for busy in [
            Status { in_flight_out: 1, ..quiet.clone() },
            Status { in_flight_in: 1, ..quiet.clone() },
            Status { queued_bytes: 1, ..quiet.clone() },
            Status { held_bytes: held_bytes + 1, ..quiet.clone() },
        ] {
            assert!(busy.leftover().is_some(), "{busy:?}");
        }
    }
}
