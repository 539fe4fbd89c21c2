//! Calls at the byte level: futures that start on their first poll, carry their options, and cancel when dropped.
//!
//! These types are not generic and have no timers: the link handles deadlines. So a call is small, `Unpin` and
//! `'static`, and can be passed to `spawn`, `select!` or `join_all` directly.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_core::FusedFuture;

use super::chained;
use super::ends::{RawReceiver, RawSender};
use super::method::MethodName;
use super::options::{CallOptions, DEFAULT_TIMEOUT, call_options};
use super::retry::policy::{Hedge, Retry};
use super::start::{Start, Target};
use crate::descriptor::MethodInfo;
use crate::error::{CallError, CallFailure, CodecError};
use crate::proto::Body;
use crate::proto::Capacities;
use crate::proto::wire::HandlerId;

/// A single request at the byte level, from [`Connection::request`](crate::Connection::request).
///
/// A future of the answer, which is `None` if the answer has no payload. Dropping it cancels the call.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use bytes::Bytes;
///
/// let node = grid::Manager::builder("http://node1:9000")
///     .single_handler(7_u8, None, |_, payload| async move { Ok(payload) })
///     .build()?;
/// let connection = node.connection("http://node1:9000")?;
/// let echo = connection.request(7_u8, Some(Bytes::from("ping"))).await?;
/// assert_eq!(echo.as_deref(), Some(&b"ping"[..]));
/// # Ok(()) }
/// ```
///
/// # Errors
/// Any variant of [`CallError`] except `Handler` and `Decode`. A handler's own error is returned as `Remote`.
///
/// # Cancel safety
/// Dropping it cancels the call: the answer is lost, and the callee drops the handler if the extension `cancel` is
/// active. `select!` on `&mut call` does not cancel the call.
///
/// # Panics
/// If polled again after it was ready.
#[derive(Debug)]
#[must_use = "a call does nothing until it is awaited"]
pub struct RawCall {
    start: Start,
}

impl RawCall {
    pub(super) fn new(
        target: Target,
        payload: Result<Option<Body>, CodecError>,
        timeout: Option<Duration>,
    ) -> Self {
        let timeout = timeout.unwrap_or(DEFAULT_TIMEOUT);
        Self { start: Start::new(target, payload, None, Some(timeout)) }
    }

    /// One attempt of a call that may be repeated.
    pub(super) fn of(start: Start) -> Self {
        Self { start }
    }

    call_options!();

    /// Makes the call again after a failure, as far as the policy permits, and in place of the policy of the
    /// [connection](crate::Connection::with_retry). The handler counts as one that must not run twice, so only calls that have
    /// not run are repeated. See [`Retry`].
    pub fn retry(mut self, policy: &Retry) -> Self {
        self.start.set_retry(policy);
        self
    }

    /// Makes the call at a second node as well if its answer is late.
    pub(super) fn set_hedge(&mut self, hedge: &Hedge, other: Target) {
        self.start.set_hedge(hedge, other);
    }

    /// The same call at this node.
    pub(super) fn at(&self, target: Target) -> Self {
        Self { start: self.start.at(target) }
    }

    pub(super) fn target(&self) -> &Target {
        &self.start.target
    }

    pub(super) fn into_start(self) -> Start {
        self.start
    }

    pub(super) fn handler(&self) -> HandlerId {
        self.start.target.handler
    }

    pub(super) fn method(&self) -> MethodName {
        self.start.target.method
    }

    pub(crate) fn options_mut(&mut self) -> &mut CallOptions {
        &mut self.start.options
    }

    /// Names the method in errors, instead of the handler's id, and says whether it may run twice.
    pub(crate) fn of_method(mut self, method: &MethodInfo) -> Self {
        self.start.target.method = method.into();
        self.start.target.idempotent = method.is_idempotent();
        self
    }

    /// Whether its waker is called only when the outcome is there.
    pub(crate) fn wakes_once(&self) -> bool {
        !self.start.target.chain.has_interceptors() && !self.start.is_repeated()
    }

    /// An answer of this call that cannot be decoded, as an error that names method and peer.
    pub(crate) fn undecodable<E>(&self, error: CodecError) -> CallError<E> {
        let Target { peer, method, .. } = &self.start.target;
        CallError::Decode(error.of_call(method, &peer.name))
    }

    pub(crate) fn poll_raw(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Bytes>, CallFailure>> {
        if self.start.is_repeated() {
            return self.start.poll_repeated(cx);
        }
        if self.start.is_chained() {
            let outcome = ready!(self.start.poll_chain(cx, &chained::REQUEST));
            return Poll::Ready(outcome.map(chained::answer));
        }
        self.start.poll_answer(cx)
    }
}

impl FusedFuture for RawCall {
    fn is_terminated(&self) -> bool {
        self.start.is_over()
    }
}

impl Future for RawCall {
    type Output = Result<Option<Bytes>, CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_raw(cx).map_err(CallFailure::untyped)
    }
}

/// A stream at the byte level that is being opened, from [`Connection::stream`](crate::Connection::stream).
///
/// A future of the two ends of the stream, ready when the callee has accepted it. Dropping it cancels the stream.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use grid::Capacities;
///
/// let both_ways = Capacities { incoming: Capacities::BYTES_ONLY, outgoing: Capacities::BYTES_ONLY };
/// let node = grid::Manager::builder("http://node1:9000")
///     .stream_handler(8_u8, None, both_ways, |_, _, mut input, mut output| async move {
///         while let Some(Ok(item)) = input.next().await {
///             output.send(item).await?;
///         }
///         Ok(())
///     })
///     .build()?;
/// let connection = node.connection("http://node1:9000")?;
/// let (mut output, mut input) = connection.stream(8_u8, both_ways, None).await?;
/// output.send("ping").await?;
/// assert_eq!(input.next().await.transpose()?.as_deref(), Some(&b"ping"[..]));
/// # Ok(()) }
/// ```
///
/// # Errors
/// As for [`RawCall`]. Errors of the handler come through the receiver.
///
/// # Cancel safety
/// As for [`RawCall`].
///
/// # Panics
/// If polled again after it was ready.
#[derive(Debug)]
#[must_use = "a stream does not open until it is awaited"]
pub struct RawOpening {
    start: Start,
}

impl RawOpening {
    pub(super) fn new(
        target: Target,
        capacities: Capacities,
        payload: Result<Option<Body>, CodecError>,
        timeout: Option<Duration>,
    ) -> Self {
        Self { start: Start::new(target, payload, Some(capacities), timeout) }
    }

    call_options!();

    /// The same stream from this node.
    pub(super) fn at(&self, target: Target) -> Self {
        Self { start: self.start.at(target) }
    }

    pub(super) fn target(&self) -> &Target {
        &self.start.target
    }

    pub(crate) fn options_mut(&mut self) -> &mut CallOptions {
        &mut self.start.options
    }

    /// Names the method in errors, instead of the handler's id.
    pub(crate) fn named(mut self, method: MethodName) -> Self {
        self.start.target.method = method;
        self
    }

    pub(crate) fn poll_raw(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(RawSender, RawReceiver), CallFailure>> {
        if self.start.is_chained() {
            let outcome = ready!(self.start.poll_chain(cx, &chained::OPENING));
            return Poll::Ready(outcome.map(chained::opened));
        }
        self.start.poll_opened(cx)
    }
}

impl FusedFuture for RawOpening {
    fn is_terminated(&self) -> bool {
        self.start.is_over()
    }
}

impl Future for RawOpening {
    type Output = Result<(RawSender, RawReceiver), CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_raw(cx).map_err(CallFailure::untyped)
    }
}
