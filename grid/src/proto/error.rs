//! [`ProtocolError`]: why a connection must be closed.

use std::time::Duration;

use super::session::flood::Flood;
use super::wire::{DecodeError, Op};

/// Why the connection must be closed. The cause is always the peer; a failed call never ends a connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProtocolError {
    /// The bytes are not a message.
    #[error("malformed message: {0}")]
    Malformed(#[from] DecodeError),
    /// The session has checksums, and the protocol demands one of this message.
    #[error("{0} without a checksum, although the session has checksums")]
    NoChecksum(Op),
    /// The peer sends requests without reading the answers.
    #[error("the peer does not read: {waiting} bytes are waiting for it, the limit is {max}")]
    NotReading { waiting: usize, max: usize },
    /// A part of a large message does not continue its transfer.
    #[error("part {part} of transfer {transfer}: {error}")]
    Part { transfer: u64, part: u32, error: PartError },
    /// A message of this op must not be sent in parts.
    #[error("{0} sent in parts")]
    InParts(Op),
    /// The peer sends more of what is of no use than this node accepts.
    #[error(transparent)]
    Flood(#[from] Flood),
    /// Nothing was received for two ping intervals.
    #[error("no sign of life for {} s", .0.as_secs())]
    Silent(Duration),
}

/// What is wrong with a part of a large message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PartError {
    #[error("there is no such transfer")]
    Unknown,
    #[error("the transfer's number is not above all earlier ones")]
    Reused,
    #[error("part {want} was expected")]
    Index { want: u32, got: u32 },
    #[error(
        "a message of {total} bytes was announced, the limit is {max} (`Config::message_bytes_max` of this node)"
    )]
    Total { total: usize, max: usize },
    #[error("more than {max} transfers at once")]
    TooMany { max: usize },
    #[error("{len} bytes were sent of a message of {total}")]
    Overrun { len: usize, total: usize },
    /// Such parts could continue for ever.
    #[error("the part is empty, but not the last one")]
    Empty,
    #[error("the message is complete, but the part is not marked as the last one")]
    NoEnd,
}
