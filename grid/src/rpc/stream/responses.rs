//! The caller's end of the handler's output.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{self, Poll, ready};

use futures_core::{FusedStream, Stream};

use crate::CallError;
use crate::net::RawReceiver;
use crate::rpc::fault::ErrorCodec;
use crate::rpc::payload::Codec;

/// Receives the items that a handler sends; a [`Stream`] of `Result<T, CallError<E>>`.
///
/// `None` means that the handler has returned without an error. Otherwise the last item is an error. Dropping this
/// cancels the call.
#[must_use = "dropping the responses cancels the call"]
pub struct Responses<T, E> {
    raw: Option<RawReceiver>,
    codec: Codec<T>,
    error: ErrorCodec<E>,
}

impl<T, E> Responses<T, E> {
    pub(in crate::rpc) fn new(raw: RawReceiver, codec: Codec<T>, error: ErrorCodec<E>) -> Self {
        Self { raw: Some(raw), codec, error }
    }

    /// Returns the next item, or `None` when the handler has returned without an error.
    ///
    /// # Errors
    ///
    /// Any variant of [`CallError`]. An error is the last item.
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
    ) -> impl Future<Output = Option<Result<T, CallError<E>>>> + Send + use<'_, T, E> {
        poll_fn(|cx| self.poll_item(cx))
    }

    fn poll_item(&mut self, cx: &mut task::Context<'_>) -> Poll<Option<Result<T, CallError<E>>>> {
        let Some(raw) = &mut self.raw else { return Poll::Ready(None) };
        let item = ready!(raw.poll_next(cx)).map(|item| match item {
            Ok(bytes) => self.codec.decode(Some(bytes)).map_err(|error| raw.undecodable(error)),
            Err(failure) => Err((self.error.decode)(failure)),
        });
        if !matches!(item, Some(Ok(_))) {
            // This cancels the call if an item could not be decoded.
            self.raw = None;
        }
        Poll::Ready(item)
    }
}

impl<T, E> Stream for Responses<T, E> {
    type Item = Result<T, CallError<E>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_item(cx)
    }
}

impl<T, E> FusedStream for Responses<T, E> {
    fn is_terminated(&self) -> bool {
        self.raw.is_none()
    }
}

impl<T, E> fmt::Debug for Responses<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Responses").field("ended", &self.raw.is_none()).finish_non_exhaustive()
    }
}
