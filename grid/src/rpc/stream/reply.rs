//! The single answer to a stream of input.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{self, Poll, ready};

use bytes::Bytes;
use futures_core::FusedFuture;

use crate::net::RawReceiver;
use crate::rpc::fault::ErrorCodec;
use crate::rpc::payload::Codec;
use crate::{CallError, CodecError};

/// The answer of a handler that takes a stream: a future of `Result<O, CallError<E>>`.
///
/// The handler may answer before the input has ended. Dropping the reply cancels the call.
///
/// # Errors
///
/// Any variant of [`CallError`].
///
/// # Cancel safety
///
/// `select!` on `&mut reply` loses nothing.
///
/// # Panics
///
/// When polled again after it has completed.
#[must_use = "dropping the reply cancels the call"]
pub struct Reply<O, E> {
    /// `None` once the answer or an error has been returned.
    raw: Option<RawReceiver>,
    /// The answer is one item of the stream, or none for `()`. It is returned when the stream ends without an error.
    answer: Option<Bytes>,
    codec: Codec<O>,
    error: ErrorCodec<E>,
}

impl<O, E> Reply<O, E> {
    pub(in crate::rpc) fn new(raw: RawReceiver, codec: Codec<O>, error: ErrorCodec<E>) -> Self {
        Self { raw: Some(raw), answer: None, codec, error }
    }
}

impl<O, E> Future for Reply<O, E> {
    type Output = Result<O, CallError<E>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let Self { raw, answer: received, codec, error } = &mut *self;
        let result = loop {
            let raw = raw.as_mut().expect("a `Reply` must not be polled after it has completed");
            match ready!(raw.poll_next(cx)) {
                Some(Ok(_)) if received.is_some() => {
                    let error = CodecError::new("the handler answered more than once");
                    break Err(raw.undecodable(error));
                }
                Some(Ok(answer)) => *received = Some(answer),
                Some(Err(failure)) => break Err((error.decode)(failure)),
                None => {
                    let answer = received.take();
                    break codec.decode(answer).map_err(|error| raw.undecodable(error));
                }
            }
        };
        self.raw = None;
        Poll::Ready(result)
    }
}

impl<O, E> FusedFuture for Reply<O, E> {
    fn is_terminated(&self) -> bool {
        self.raw.is_none()
    }
}

impl<O, E> fmt::Debug for Reply<O, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("raw", &self.raw).finish_non_exhaustive()
    }
}
