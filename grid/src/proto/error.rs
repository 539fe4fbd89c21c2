//! What the core reports: a peer that broke the protocol, and calls that failed.

use std::sync::Arc;
use std::time::Duration;

use super::fault::{Fault, Sent};
use super::wire::DecodeError;

/// Why the connection must be closed. Always the peer's doing; a call's own trouble never becomes one of these.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProtocolError {
    /// The bytes are not a message.
    #[error("malformed message: {0}")]
    Malformed(#[from] DecodeError),
    /// It keeps asking, but does not read the answers.
    #[error("does not read: {waiting} bytes of answers wait for it, {max} may")]
    NotReading { waiting: usize, max: usize },
    /// No pong for two ping intervals.
    #[error("no pong for {} s", .0.as_secs())]
    Silent(Duration),
}

/// Why a call of this node did not succeed. The layer above adds the peer's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CallFailure {
    /// The peer answered with an error, or refused the call.
    Fault(Fault),
    /// No link, or it was lost.
    Lost { sent: Sent, reason: Arc<str> },
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
