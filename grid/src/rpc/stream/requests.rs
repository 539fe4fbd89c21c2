//! The caller's end of its input.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{self, Poll};

use futures_sink::Sink;

use crate::error::SendError;
use crate::net::Body;
use crate::net::RawSender;
use crate::rpc::payload::Codec;

/// Sends the items of a caller's input; also a [`Sink`].
///
/// Dropping it ends the input: the handler receives `None`. The call continues until the handler returns, or until the
/// other handle of the call, [`Reply`](crate::Reply) or [`Responses`](crate::Responses), is dropped, which cancels the
/// call: [`send`](Self::send) fails with [`SendError::Closed`] from then on.
///
/// Items that the handler does not read are discarded: `send` succeeds for them. That an item was sent does not mean that
/// the handler has read it.
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
/// let (mut numbers, sum) = counter.sum().await?;
/// for number in 1..=3 {
///     numbers.send(number).await?;
/// }
/// drop(numbers); // the end of the input
/// assert_eq!(sum.await?, 6);
/// # Ok(()) }
/// ```
#[must_use = "dropping the requests ends the input"]
pub struct Requests<I> {
    raw: RawSender,
    codec: Codec<I>,
}

impl<I> Requests<I> {
    pub(in crate::rpc) fn new(raw: RawSender, codec: Codec<I>) -> Self {
        Self { raw, codec }
    }

    fn encode(&self, item: I) -> Result<Body, SendError> {
        let unencodable = |error| self.raw.unencodable(error);
        let item = self.codec.encode_item(item).map_err(unencodable)?;
        self.raw.check(&item).map_err(unencodable)?;
        Ok(item)
    }

    /// Sends one item, once the handler has room for it.
    ///
    /// # Errors
    ///
    /// See [`SendError`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, the item is not sent, and the stream can still be used.
    pub fn send(
        &mut self,
        item: I,
    ) -> impl Future<Output = Result<(), SendError>> + Send + use<'_, I> {
        // Encoded here, so that the future does not hold an `I`, which need not be `Sync` or even `Send`.
        let item = self.encode(item);
        poll_fn(move |cx| match &item {
            Ok(item) => self.raw.poll_send(cx, item).map_err(SendError::from),
            Err(error) => Poll::Ready(Err(error.clone())),
        })
    }

    /// Waits until the handler no longer reads the input: it returned, or the link was lost.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub fn closed(&mut self) -> impl Future<Output = ()> + Send + use<'_, I> {
        poll_fn(|cx| self.raw.poll_closed(cx))
    }
}

impl<I> Sink<I> for Requests<I> {
    type Error = SendError;

    fn poll_ready(
        mut self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
    ) -> Poll<Result<(), SendError>> {
        self.raw.poll_ready(cx).map_err(SendError::from)
    }

    fn start_send(mut self: Pin<&mut Self>, item: I) -> Result<(), SendError> {
        let bytes = self.encode(item)?;
        Ok(self.raw.start_send(bytes)?)
    }

    /// Always ready: `start_send` hands items to the link, which sends them on its own.
    fn poll_flush(self: Pin<&mut Self>, _: &mut task::Context<'_>) -> Poll<Result<(), SendError>> {
        Poll::Ready(Ok(()))
    }

    /// Ends the input, like dropping.
    fn poll_close(
        mut self: Pin<&mut Self>,
        _: &mut task::Context<'_>,
    ) -> Poll<Result<(), SendError>> {
        self.raw.close();
        Poll::Ready(Ok(()))
    }
}

impl<I> fmt::Debug for Requests<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requests").field("raw", &self.raw).finish_non_exhaustive()
    }
}
