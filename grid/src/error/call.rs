//! [`CallError`], and what it is made of: may I retry, may it have run, whose fault was it?
//!
//! `net/` produces [`Failure`], which knows no user type; `rpc/` turns it into a `CallError<E>`.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::link::LinkError;
pub(crate) use crate::proto::Fault;
pub use crate::proto::{ErrorCode, Sent};

/// Why a call did not give its result.
///
/// `E` is the error type of the method; a method that cannot fail has `CallError<Infallible>`, and so has the byte
/// level, where every error text of a handler is [`CallError::Remote`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError<E = Infallible> {
    /// The handler ran and returned its own error.
    #[error("{0}")]
    Handler(E),
    /// The callee's grid refused or lost the call, or a peer that sends no typed errors answered with a text.
    #[error(transparent)]
    Remote(RemoteError),
    /// There is no link to the peer, or it was lost before the answer came.
    #[error("disconnected from {peer}: {}", reason.full_text())]
    #[non_exhaustive]
    Disconnected {
        /// Name of the node that was called.
        peer: Arc<str>,
        /// Whether the request may have reached it.
        sent: Sent,
        /// Why there is no link, as far as is known here.
        reason: Arc<LinkError>,
    },
    /// This node is shut down, or is being: it makes no calls any more. Nothing was sent.
    #[error("this node is shut down")]
    ShutDown,
    /// The deadline passed, here or at the callee. The handler may have run, and its future is dropped.
    #[error("no answer within {after:?}")]
    #[non_exhaustive]
    DeadlineExceeded {
        /// The time that the call was given.
        after: Duration,
    },
    /// The arguments could not be serialised, or are larger than a message may be. Nothing was sent.
    #[error("cannot encode the request")]
    Encode(#[source] CodecError),
    /// The answer could not be read as the type that was expected. The handler has run.
    #[error("cannot decode the answer")]
    Decode(#[source] CodecError),
    /// The peer does not have a protocol extension that this call needs. Nothing was sent.
    #[error("{peer} does not support the protocol extension `{feature}`, which this call needs")]
    #[non_exhaustive]
    Unsupported {
        /// Name of the extension, as in docs/protocol.md.
        feature: &'static str,
        /// Name of the node that was called.
        peer: Arc<str>,
    },
}

impl<E> CallError<E> {
    /// Whether trying the same call again can help and is safe, because the handler cannot have run.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Disconnected { sent, .. } => *sent == Sent::No,
            Self::Remote(error) => {
                matches!(error.code, ErrorCode::Overloaded | ErrorCode::ShuttingDown)
            }
            Self::Handler(_)
            | Self::ShutDown
            | Self::DeadlineExceeded { .. }
            | Self::Encode(_)
            | Self::Decode(_)
            | Self::Unsupported { .. } => false,
        }
    }

    /// Whether the handler may have been run, in whole or in part.
    pub fn may_have_run(&self) -> bool {
        match self {
            Self::Handler(_) | Self::DeadlineExceeded { .. } | Self::Decode(_) => true,
            Self::Remote(error) => error.code.may_have_run(),
            Self::Disconnected { sent, .. } => *sent == Sent::Maybe,
            Self::Encode(_) | Self::Unsupported { .. } | Self::ShutDown => false,
        }
    }
}

/// An error that arrived as a code and a text, without a type of its own.
///
/// It may also serve as the error type of a method, for those who want a text only:
///
/// ```
/// # use grid::RemoteError;
/// fn check(volume: &str) -> Result<(), RemoteError> {
///     if volume.is_empty() {
///         return Err(RemoteError::new("the volume has no name"));
///     }
///     Ok(())
/// }
/// # assert_eq!(check("").unwrap_err().to_string(), "the volume has no name");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
#[non_exhaustive]
pub struct RemoteError {
    /// What kind of trouble it was.
    pub code: ErrorCode,
    /// The text that the peer sent.
    pub message: String,
}

impl RemoteError {
    /// A handler's error that is only a text.
    pub fn new(message: impl Into<String>) -> Self {
        Self { code: ErrorCode::Handler, message: message.into() }
    }
}

/// For handlers that call other nodes: an error of the peer's grid stays what it is, everything else becomes a text.
impl<E: fmt::Display> From<CallError<E>> for RemoteError {
    fn from(error: CallError<E>) -> Self {
        match error {
            CallError::Remote(error) => error,
            other => Self::new(other.to_string()),
        }
    }
}

/// A value could not be turned into bytes, or bytes into a value; the text says which value and why.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CodecError(Arc<str>);

impl CodecError {
    /// An error with this text.
    pub fn new(text: impl fmt::Display) -> Self {
        Self(text.to_string().into())
    }
}

impl fmt::Debug for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// The other end of a stream does not want more: it ended, was cancelled, or the link was lost.
///
/// What [`Outgoing::send`](crate::Outgoing::send) returns. A handler that gets it has nobody to answer to any more, so
/// returning early with `?` is right; [`RemoteError`] can be made from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stream is closed")]
#[non_exhaustive]
pub struct Closed;

impl From<Closed> for RemoteError {
    fn from(closed: Closed) -> Self {
        Self::new(closed.to_string())
    }
}

/// A call's failure before anybody knows the type of its errors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    Remote(Fault),
    Disconnected { peer: Arc<str>, sent: Sent, reason: Arc<LinkError> },
    ShutDown,
    DeadlineExceeded { after: Duration },
    Encode(CodecError),
    Unsupported { feature: &'static str, peer: Arc<str> },
}

impl Failure {
    /// Gives the failure its type; `decode` reads the body of a handler's own error.
    ///
    /// A body that cannot be read leaves code and text, so that a caller with an older error type still learns something.
    pub(crate) fn into_call_error<E>(
        self,
        decode: impl FnOnce(&Bytes) -> Option<E>,
    ) -> CallError<E> {
        match self {
            Self::Remote(fault) => {
                if fault.code == ErrorCode::Handler
                    && !fault.body.is_empty()
                    && let Some(error) = decode(&fault.body)
                {
                    return CallError::Handler(error);
                }
                CallError::Remote(RemoteError { code: fault.code, message: fault.message })
            }
            Self::Disconnected { peer, sent, reason } => {
                CallError::Disconnected { peer, sent, reason }
            }
            Self::ShutDown => CallError::ShutDown,
            Self::DeadlineExceeded { after } => CallError::DeadlineExceeded { after },
            Self::Encode(error) => CallError::Encode(error),
            Self::Unsupported { feature, peer } => CallError::Unsupported { feature, peer },
        }
    }
}
