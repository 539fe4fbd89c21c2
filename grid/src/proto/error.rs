//! What the core reports: a peer that broke the protocol, and calls that failed.

use std::sync::Arc;
use std::time::Duration;

use super::fault::{Fault, Sent};
use super::wire::{DecodeError, Op};
use crate::error::LinkError;

/// Why the connection must be closed. Always the peer's doing; a call's own trouble never becomes one of these.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProtocolError {
    /// The bytes are not a message.
    #[error("malformed message: {0}")]
    Malformed(#[from] DecodeError),
    /// It keeps asking, but does not read the answers.
    #[error("does not read: {waiting} bytes of answers wait for it, {max} may")]
    NotReading { waiting: usize, max: usize },
    /// A part of a large message does not fit to what came before it.
    #[error("part {part} of transfer {transfer}: {error}")]
    Part { transfer: u64, part: u32, error: PartError },
    /// Parts made up a message that cannot come so.
    #[error("{0} in parts")]
    InParts(Op),
    /// No pong for two ping intervals.
    #[error("no pong for {} s", .0.as_secs())]
    Silent(Duration),
}

/// What is wrong with a part of a large message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PartError {
    #[error("there is no such transfer")]
    Unknown,
    #[error("numbers of transfers count up")]
    Reused,
    #[error("part {want} is next")]
    Index { want: u32, got: u32 },
    #[error("a message of {total} bytes, and it may have 1 to {max}")]
    Total { total: usize, max: usize },
    #[error("more than {max} transfers at once")]
    TooMany { max: usize },
    #[error("{len} bytes of a message of {total}")]
    Overrun { len: usize, total: usize },
    /// Such parts could go on for ever.
    #[error("no bytes, and not the last one")]
    Empty,
    #[error("the message is whole, and this is not the last one")]
    NoEnd,
}

/// Why a call of this node did not succeed. The layer above adds the peer's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CallFailure {
    /// The peer answered with an error, or refused the call.
    Fault(Fault),
    /// No link, or it was lost.
    Lost { sent: Sent, reason: Arc<LinkError> },
    /// This node is shutting down.
    Closing,
    /// What goes beside the payload cannot be sent.
    BadMeta(String),
    /// The deadline passed.
    DeadlineExceeded { after: Duration },
    /// The peer lacks an extension that the call needs.
    Unsupported(&'static str),
    /// The message would be larger than messages may be.
    TooLarge { len: usize, max: usize },
}
