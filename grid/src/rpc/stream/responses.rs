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
///
/// ```
/// # #[grid::service]
/// # trait Counter {
/// #     async fn add(&self, n: u64) -> Result<u64, grid::RemoteError>;
/// #     async fn up_to(&self, n: u64, out: grid::Outgoing<u64>) -> Result<(), grid::RemoteError>;
/// #     async fn sum(&self, numbers: grid::Incoming<u64>) -> Result<u64, grid::RemoteError>;
/// # }
/// # struct Zero;
/// # impl Counter for Zero {
/// #     async fn add(&self, n: u64) -> Result<u64, grid::RemoteError> {
/// #         if n > 9 { Err(grid::RemoteError::new("too much")) } else { Ok(n) }
/// #     }
/// #     async fn up_to(&self, n: u64, mut out: grid::Outgoing<u64>) -> Result<(), grid::RemoteError> {
/// #         for number in 1..=n { out.send(number).await?; }
/// #         Ok(())
/// #     }
/// #     async fn sum(&self, mut numbers: grid::Incoming<u64>) -> Result<u64, grid::RemoteError> {
/// #         let mut sum = 0;
/// #         while let Some(number) = numbers.next().await { sum += number?; }
/// #         Ok(sum)
/// #     }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let counter = CounterClient::in_process(Zero);
/// let mut numbers = counter.up_to(3).await?;
/// let mut seen = Vec::new();
/// while let Some(number) = numbers.next().await {
///     seen.push(number?);
/// }
/// assert_eq!(seen, [1, 2, 3]);
/// # Ok(()) }
/// ```
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
