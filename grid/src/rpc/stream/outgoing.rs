//! The handler's end of its output.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, OnceLock};
use std::task::{self, Poll};

use futures_core::Stream;
use futures_sink::Sink;

use super::item::StreamItem;
use crate::net::Body;
use crate::net::RawSender;
use crate::rpc::payload::Codec;
use crate::{Closed, CodecError};

/// Sends the items of a handler's answer; also a [`Sink`].
///
/// The stream ends when the handler returns: normally with `Ok(())`, otherwise with its error. If the caller cancels the
/// call, [`send`](Self::send) fails with [`Closed`], and the handler's future is dropped.
///
/// To use `?` on that error, give the handler's error type a variant for it:
///
/// ```
/// # use grid::{Closed, Outgoing};
/// # use serde::{Deserialize, Serialize};
/// #[derive(Debug, thiserror::Error, Serialize, Deserialize)]
/// enum WalkError {
///     #[error("no such path")]
///     NoSuchPath,
///     #[error(transparent)]
///     Gone(#[from] Closed),
/// }
///
/// #[grid::service]
/// trait Files {
///     async fn walk(&self, path: String, out: Outgoing<String>) -> Result<(), WalkError>;
/// }
/// # struct Fake;
///
/// impl Files for Fake {
///     async fn walk(&self, path: String, mut out: Outgoing<String>) -> Result<(), WalkError> {
///         for name in ["a", "b"] {
///             out.send(format!("{path}/{name}")).await?;
///         }
///         Ok(())
///     }
/// }
/// ```
pub struct Outgoing<T> {
    raw: RawSender,
    codec: Codec<T>,
    /// Set when an item could not be encoded, which ends the stream with this error.
    broken: Arc<OnceLock<CodecError>>,
}

impl<T> Outgoing<T> {
    pub(in crate::rpc) fn new(
        raw: RawSender,
        codec: Codec<T>,
        broken: Arc<OnceLock<CodecError>>,
    ) -> Self {
        Self { raw, codec, broken }
    }

    /// Sends one item, once the caller has room for it.
    ///
    /// # Errors
    ///
    /// [`Closed`] if the caller no longer reads the stream, or if this item or an earlier one could not be encoded. In
    /// the latter case the stream ends with that error at the caller.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before it is ready, the item is not sent, and the stream can still be used.
    pub fn send(
        &mut self,
        item: T,
    ) -> impl Future<Output = Result<(), Closed>> + Send + use<'_, T> {
        // Encoded here, so that the future does not hold a `T`, which need not be `Sync` or even `Send`.
        let item = self.encode(item);
        poll_fn(move |cx| match &item {
            Ok(item) => self.raw.poll_send(cx, item),
            Err(Closed) => Poll::Ready(Err(Closed)),
        })
    }

    /// Waits until the caller no longer reads the stream: it cancelled the call, or the link was lost.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub fn closed(&mut self) -> impl Future<Output = ()> + Send + use<'_, T> {
        poll_fn(|cx| match self.broken.get() {
            Some(_) => Poll::Ready(()),
            None => self.raw.poll_closed(cx),
        })
    }

    /// Whether the caller is known to have stopped reading the stream. Registers nothing and changes nothing.
    pub fn is_closed(&self) -> bool {
        self.broken.get().is_some() || self.raw.is_closed()
    }

    /// Sends all items of a handler's stream. An error of the stream becomes the handler's error.
    #[doc(hidden)]
    pub async fn __pump<S, E>(mut self, stream: S) -> Result<(), E>
    where
        S: Stream,
        S::Item: StreamItem<T, E>,
    {
        let mut stream = pin!(stream);
        // An item is pulled only when it can be sent, so none are buffered here.
        while poll_fn(|cx| self.poll_room(cx)).await.is_ok() {
            let Some(item) = poll_fn(|cx| stream.as_mut().poll_next(cx)).await else { break };
            if self.send_now(item.into_item()?).is_err() {
                break;
            }
        }
        Ok(())
    }

    /// Like `__pump`, for a handler that may fail before it returns a stream.
    #[doc(hidden)]
    pub async fn __pump_ok<S, E>(self, stream: Result<S, E>) -> Result<(), E>
    where
        S: Stream,
        S::Item: StreamItem<T, E>,
    {
        self.__pump(stream?).await
    }

    /// Whether there is room for an item now.
    pub(super) fn has_room(&self) -> Result<bool, Closed> {
        match self.broken.get() {
            Some(_) => Err(Closed),
            None => self.raw.has_room(),
        }
    }

    /// Sends an item for which there is room.
    pub(super) fn send_now(&mut self, item: T) -> Result<(), Closed> {
        let bytes = self.encode(item)?;
        self.raw.start_send(bytes)
    }

    /// Ready when there is room for an item.
    pub(super) fn poll_room(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<(), Closed>> {
        match self.broken.get() {
            Some(_) => Poll::Ready(Err(Closed)),
            None => self.raw.poll_ready(cx),
        }
    }

    fn encode(&mut self, item: T) -> Result<Body, Closed> {
        if self.broken.get().is_some() {
            return Err(Closed);
        }
        let checked = |item| self.raw.check(&item).map(|()| item);
        self.codec.encode_item(item).and_then(checked).map_err(|error| {
            self.broken.get_or_init(|| error);
            Closed
        })
    }
}

impl<T> Sink<T> for Outgoing<T> {
    type Error = Closed;

    fn poll_ready(
        mut self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
    ) -> Poll<Result<(), Closed>> {
        self.poll_room(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, item: T) -> Result<(), Closed> {
        self.send_now(item)
    }

    /// Always ready: `start_send` hands items to the link, which sends them on its own.
    fn poll_flush(self: Pin<&mut Self>, _: &mut task::Context<'_>) -> Poll<Result<(), Closed>> {
        Poll::Ready(Ok(()))
    }

    /// Always ready: the stream ends when the handler returns.
    fn poll_close(self: Pin<&mut Self>, _: &mut task::Context<'_>) -> Poll<Result<(), Closed>> {
        Poll::Ready(Ok(()))
    }
}

impl<T> fmt::Debug for Outgoing<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing").field("broken", &self.broken.get()).finish_non_exhaustive()
    }
}
