//! Errors on the wire: error codes, and a handler's failure in the form in which it is sent (docs/protocol.md, part 2,
//! "Errors").

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// The kind of a [`RemoteError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "u16", into = "u16")]
#[non_exhaustive]
pub enum ErrorCode {
    /// The handler's own error.
    Handler,
    /// The peer has no handler with this id and subroute.
    UnknownHandler,
    /// The handler panicked. The panic message is logged at the callee, and not sent.
    Panicked,
    /// The callee could not decode the request, or it is larger than the method allows. The handler did not run.
    BadRequest,
    /// The deadline passed at the callee.
    DeadlineExceeded,
    /// A limit of the callee was reached; the handler did not run.
    Overloaded,
    /// The permission hook of the callee ([`Builder::permit`](crate::Builder::permit)) has refused the call; the handler did not
    /// run.
    NotPermitted,
    /// The callee is shutting down; the handler did not run.
    ShuttingDown,
    /// The peer sent an error text without a code, as Go nodes do.
    Text,
    /// A code that this version does not know.
    Other(u16),
}

/// The number of [`ErrorCode::Text`] when it is serialised. It is never sent in `meta`.
const TEXT_CODE: u16 = u16::MAX;

impl ErrorCode {
    /// Whether the handler may have run before this error occurred.
    pub(crate) fn may_have_run(self) -> bool {
        !matches!(
            self,
            Self::UnknownHandler
                | Self::BadRequest
                | Self::Overloaded
                | Self::NotPermitted
                | Self::ShuttingDown
        )
    }

    /// One word for it.
    pub(crate) fn label(self) -> &'static str {
        match self {
            // Nodes of the base protocol send no code.
            Self::Handler | Self::Text => "handler",
            Self::UnknownHandler => "unknown_handler",
            Self::Panicked => "panicked",
            Self::BadRequest => "bad_request",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::Overloaded => "overloaded",
            Self::NotPermitted => "not_permitted",
            Self::ShuttingDown => "shutting_down",
            Self::Other(_) => "other",
        }
    }
}

impl From<u16> for ErrorCode {
    fn from(code: u16) -> Self {
        match code {
            0 => Self::Handler,
            1 => Self::UnknownHandler,
            2 => Self::Panicked,
            3 => Self::BadRequest,
            4 => Self::DeadlineExceeded,
            5 => Self::Overloaded,
            6 => Self::NotPermitted,
            7 => Self::ShuttingDown,
            TEXT_CODE => Self::Text,
            other => Self::Other(other),
        }
    }
}

impl From<ErrorCode> for u16 {
    fn from(code: ErrorCode) -> Self {
        match code {
            ErrorCode::Handler => 0,
            ErrorCode::UnknownHandler => 1,
            ErrorCode::Panicked => 2,
            ErrorCode::BadRequest => 3,
            ErrorCode::DeadlineExceeded => 4,
            ErrorCode::Overloaded => 5,
            ErrorCode::NotPermitted => 6,
            ErrorCode::ShuttingDown => 7,
            ErrorCode::Text => TEXT_CODE,
            ErrorCode::Other(other) => other,
        }
    }
}

/// A failure in the form in which it is sent: code, readable text, and the typed error as msgpack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) code: ErrorCode,
    pub(crate) message: String,
    /// For [`ErrorCode::Handler`], the error as msgpack. Usually empty for other codes.
    pub(crate) body: Bytes,
}

impl Fault {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), body: Bytes::new() }
    }

    /// Memory of its text and body.
    pub(crate) fn bytes(&self) -> usize {
        self.message.capacity() + self.body.len()
    }
}

impl Fault {
    /// Converts an error that a handler has returned.
    ///
    /// The codes other than `Handler` and `Text` are statements of a node about a call that it was asked to serve, for
    /// example that the handler did not run. If a handler returns such an error, it has received it from another node:
    /// then its own caller must not take it for a statement about the call that it has made.
    pub(crate) fn of_handler(error: RemoteError) -> Self {
        let RemoteError { code, message } = error;
        match code {
            ErrorCode::Handler | ErrorCode::Text => Self::new(code, message),
            other => {
                let text = format!("the handler passed on an error ({other}): {message}");
                Self::new(ErrorCode::Handler, text)
            }
        }
    }
}

impl fmt::Display for ErrorCode {
    /// Writes what has happened, such as `unknown handler`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Handler => "error of the handler",
            Self::UnknownHandler => "unknown handler",
            Self::Panicked => "the handler panicked",
            Self::BadRequest => "bad request",
            Self::DeadlineExceeded => "deadline exceeded",
            Self::Overloaded => "overloaded",
            Self::NotPermitted => "not permitted",
            Self::ShuttingDown => "shutting down",
            Self::Text => "error text",
            Self::Other(code) => return write!(f, "error code {code}"),
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// An error received as code and text.
///
/// A handler may return one that it has received from another node. The code then arrives as
/// [`ErrorCode::Handler`], unless it is [`ErrorCode::Text`], and the former code becomes part of the text: the other codes
/// are only ever set by the node that was called, so `UnknownHandler` always means that the handler of *this* call did not
/// run. An error returned by a method whose error type is `RemoteError` keeps its code, inside
/// [`CallError::Handler`](crate::CallError::Handler).
///
/// Methods that need no error type of their own can use it as well:
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
    /// The kind of error.
    pub code: ErrorCode,
    /// The text that the peer sent. If it is a statement of the peer about the call, such as
    /// [`ErrorCode::UnknownHandler`], the method and the peer follow in parentheses.
    pub message: String,
}

impl RemoteError {
    /// Creates a handler's error that consists of a text only.
    pub fn new(message: impl Into<String>) -> Self {
        Self { code: ErrorCode::Handler, message: message.into() }
    }
}
