//! Errors of encoding, decoding and sending.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::fault::RemoteError;
use super::form::{EmptyForm, ErrorForm};

/// A value could not be encoded, or bytes could not be decoded; the text says which value and why.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CodecError(Arc<str>);

impl CodecError {
    /// Creates an error with this text.
    pub fn new(text: impl fmt::Display) -> Self {
        Self(text.to_string().into())
    }
}

impl CodecError {
    /// The same error of a call, with the method and the peer.
    pub(crate) fn of_call(&self, method: &impl fmt::Display, peer: &str) -> Self {
        Self::new(format_args!("{self} ({method} at {peer})"))
    }
}

impl fmt::Debug for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// The error for a payload or item of `len` bytes where a message may have `message_bytes_max` and its payload `max`.
/// `peer` is the node that accepts no larger messages; `None`: this node sends none.
pub(crate) fn too_large(
    len: usize,
    max: usize,
    message_bytes_max: usize,
    peer: Option<&str>,
) -> CodecError {
    let node = peer.unwrap_or("this node");
    CodecError::new(format_args!(
        "{len} bytes exceed the limit of {max} bytes (`Config::message_bytes_max` of {node} is {message_bytes_max})"
    ))
}

/// The text of the error for a request that exceeds the limit of its method.
pub(crate) fn request_too_large(len: usize, max: usize) -> String {
    format!(
        "a request of {len} bytes exceeds the limit of {max} bytes of the method \
        (`#[handler(request_bytes_max = {max})]`)"
    )
}

/// The other end no longer reads the stream: the stream ended or was cancelled, or the link was lost.
///
/// Returned by [`Outgoing::send`](crate::Outgoing::send). A handler can return it early with `?`, because nobody waits
/// for its result. [`RemoteError`] implements `From<Closed>`; an error type of your own holds it in a variant with `#[from]`.
///
/// It is serialised as an empty map. Later versions may add fields, which this one ignores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(from = "EmptyForm", into = "EmptyForm")]
#[error("the other end no longer reads the stream")]
#[non_exhaustive]
pub struct Closed;

impl From<Closed> for EmptyForm {
    fn from(_: Closed) -> Self {
        Self {}
    }
}

impl From<EmptyForm> for Closed {
    fn from(_: EmptyForm) -> Self {
        Self
    }
}

impl From<Closed> for RemoteError {
    fn from(closed: Closed) -> Self {
        Self::new(closed.to_string())
    }
}

/// An item was not sent.
///
/// It is serialised as a map of two texts: `what`, the name of the variant, and `text`. Later versions may add fields, which
/// this one ignores, and variants, which arrive here as [`Encode`](Self::Encode).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(from = "ErrorForm", into = "ErrorForm")]
#[non_exhaustive]
pub enum SendError {
    /// The other end no longer reads the stream. The other handle of the call returns the result.
    #[error(transparent)]
    Closed(#[from] Closed),
    /// The item could not be encoded, or exceeds the maximum message size. The stream can still be used.
    #[error("cannot encode the item: {0}")]
    Encode(CodecError),
}

impl From<SendError> for ErrorForm {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Closed(closed) => Self::new("Closed", &closed),
            SendError::Encode(error) => Self::new("Encode", &error),
        }
    }
}

impl From<ErrorForm> for SendError {
    fn from(form: ErrorForm) -> Self {
        match &*form.what {
            "Closed" => Self::Closed(Closed),
            _ => Self::Encode(CodecError::new(form.text)),
        }
    }
}

impl From<SendError> for RemoteError {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Closed(closed) => closed.into(),
            encode => Self::new(encode.to_string()),
        }
    }
}
