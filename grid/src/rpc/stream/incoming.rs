//! The handler's end of the caller's input.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{self, Poll, ready};

use futures_core::{FusedStream, Stream};
use serde::{Deserialize, Serialize};

use crate::error::{CallFailure, ErrorForm};
use crate::net::RawReceiver;
use crate::rpc::payload::Codec;
use crate::{CallError, CodecError, RemoteError};

/// Receives the items that the caller sends to a handler; a [`Stream`] of `Result<T, InputError>`.
///
/// `None` means that the caller has ended its input, so the input is complete. If the input breaks off, the stream
/// returns an [`InputError`]; usually the handler's future is dropped before that.
///
/// A handler that needs no further input may drop this and go on. The rest of the input is discarded: the caller can send
/// it without waiting, and is not told. The same happens after an item that cannot be decoded. If the rest is not worth
/// sending, return from the handler: that ends the call, and the caller's [`Requests::send`](crate::Requests::send) fails.
///
/// ```
/// # use grid::{Incoming, RemoteError};
/// async fn total(mut input: Incoming<u64>) -> Result<u64, RemoteError> {
///     let mut total = 0;
///     while let Some(number) = input.next().await {
///         total += number?;
///     }
///     Ok(total)
/// }
/// ```
#[must_use = "the rest of the caller's input is discarded when this is dropped"]
pub struct Incoming<T> {
    raw: Option<RawReceiver>,
    codec: Codec<T>,
}

/// Why the input of a handler broke off.
///
/// A handler passes it on with `?`: [`RemoteError`] implements `From<InputError>`, and an error type of your own holds it in a
/// variant with `#[from]`.
///
/// # On the wire
///
/// It is serialised as a map of two texts: `what`, the name of the variant, and `text`, the text of the error inside. So the
/// [`CallError`] of `BrokenOff` arrives as [`CallError::Remote`] with that text and the code
/// [`ErrorCode::Handler`](crate::ErrorCode::Handler): its variant spoke of the link between the handler and its caller. Later
/// versions may add fields, which this one ignores, and variants, which arrive here as `BrokenOff` with their text.
///
/// ```
/// # use grid::{CodecError, InputError};
/// # fn main() -> serde_json::Result<()> {
/// let error = InputError::Decode(CodecError::new("not a number"));
/// let sent = serde_json::to_string(&error)?;
/// assert_eq!(sent, r#"{"what":"Decode","text":"not a number"}"#);
/// assert_eq!(serde_json::from_str::<InputError>(&sent)?, error);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(from = "ErrorForm", into = "ErrorForm")]
#[non_exhaustive]
pub enum InputError {
    /// An item is not of the expected type. The rest of the input is discarded.
    #[error("cannot decode an item of the input: {0}")]
    Decode(CodecError),
    /// The caller cancelled the call, its deadline passed, or the link to the caller was lost.
    #[error("the input broke off: {0}")]
    BrokenOff(CallError),
}

impl From<InputError> for ErrorForm {
    fn from(error: InputError) -> Self {
        match error {
            InputError::Decode(error) => Self::new("Decode", &error),
            InputError::BrokenOff(error) => Self::new("BrokenOff", &error),
        }
    }
}

impl From<ErrorForm> for InputError {
    fn from(form: ErrorForm) -> Self {
        match &*form.what {
            "Decode" => Self::Decode(CodecError::new(form.text)),
            _ => Self::BrokenOff(CallError::Remote(RemoteError::new(form.text))),
        }
    }
}

impl From<InputError> for RemoteError {
    fn from(error: InputError) -> Self {
        Self::new(error.to_string())
    }
}

impl From<CallFailure> for InputError {
    fn from(failure: CallFailure) -> Self {
        Self::BrokenOff(failure.untyped())
    }
}

impl<T> Incoming<T> {
    pub(in crate::rpc) fn new(raw: RawReceiver, codec: Codec<T>) -> Self {
        Self { raw: Some(raw), codec }
    }

    /// Returns the next item, or `None` at the end of the input.
    ///
    /// # Errors
    ///
    /// See [`InputError`]. An error is the last item.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: an item is taken only when the future is ready.
    #[expect(
        clippy::should_implement_trait,
        reason = "as `StreamExt::next`, but without an import"
    )]
    pub fn next(
        &mut self,
    ) -> impl Future<Output = Option<Result<T, InputError>>> + Send + use<'_, T> {
        poll_fn(|cx| self.poll_item(cx))
    }

    fn poll_item(&mut self, cx: &mut task::Context<'_>) -> Poll<Option<Result<T, InputError>>> {
        let Some(raw) = &mut self.raw else { return Poll::Ready(None) };
        let item = ready!(raw.poll_next(cx)).map(|item| match item {
            Ok(bytes) => self.codec.decode(Some(bytes)).map_err(InputError::Decode),
            Err(failure) => Err(failure.into()),
        });
        if !matches!(item, Some(Ok(_))) {
            self.raw = None;
        }
        Poll::Ready(item)
    }
}

impl<T> Stream for Incoming<T> {
    type Item = Result<T, InputError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_item(cx)
    }
}

impl<T> FusedStream for Incoming<T> {
    fn is_terminated(&self) -> bool {
        self.raw.is_none()
    }
}

impl<T> fmt::Debug for Incoming<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming").field("ended", &self.raw.is_none()).finish_non_exhaustive()
    }
}
